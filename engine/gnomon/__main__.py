"""``python -m gnomon``: the command line where no script is on the path."""

from gnomon.cli import main

main()
