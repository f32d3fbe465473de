"""``gnomon completion``."""

from __future__ import annotations

import click

from gnomon.cli.values import OneOf


@click.command("completion")
@click.argument("shell", type=OneOf(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what a shell needs to complete commands, measures, models, runs and columns.

    Put the line into the shell's start file: ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish.

    \b
    eval "$(gnomon completion bash)"
    eval "$(gnomon completion zsh)"
    gnomon completion fish | source
    """
    from click.shell_completion import get_completion_class

    from gnomon.cli import cli

    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(cli, {}, "gnomon", "_GNOMON_COMPLETE").source())
