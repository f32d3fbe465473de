"""Looking at a database in a browser: Datasette, read-only, on this machine alone.

One invariant: nothing a visitor does can change the database or reach another machine. The file is opened for
reading, so a run that still goes on can be looked at; the server listens on the loopback address and answers
to its own name only.
"""

from gnomon.serving.application import LOOPBACK, application, serve

__all__ = ["LOOPBACK", "application", "serve"]
