"""``gnomon freeze``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gnomon.cli import terminal
from gnomon.cli.common import files_of, load_measure, only_of, pairs, request_options
from gnomon.errors import UsageError


@click.command("freeze")
@click.argument("measure")
@click.option(
    "--model", metavar="BACKEND:MODEL", help="The model to be measured; open unless given."
)
@request_options
@click.option(
    "--hypothesis",
    "hypotheses",
    multiple=True,
    help="What you expect, in words. May be given again.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; MEASURE.lock.toml unless given.",
)
def command(
    measure: str,
    model: str | None,
    hypotheses: tuple[str, ...],
    out: Path | None,
    **options: Any,
) -> None:
    """Write down what a run will be before it is made, so that the run can be held against it.

    The lock has hashes of the spec, the stimulus files and the plan (every trial with its draws), the
    statistics, the versions, your hypotheses and the time. A run given the lock is labelled confirmatory;
    any difference makes it exploratory and is listed with its results. A lock is never overwritten.

    \b
    gnomon freeze implicit-bias --repeats 20 --hypothesis "D is above 0 overall"
    gnomon run implicit-bias --repeats 20 --model local:smollm2-135m --lock implicit-bias.lock.toml
    """
    from gnomon.run import RunRequest
    from gnomon.run.checks import check_request
    from gnomon.run.freezing import freeze

    files = files_of(options["files"])
    catalogue, spec = load_measure(measure, options["plugin_files"], files)
    roles = pairs(options["roles"], "--role")
    if model is not None:
        roles["subject"] = model
    request = RunRequest(
        spec=spec,
        roles=roles,
        seed=options["seed"],
        repeats=options["repeats"],
        limit=options["limit"],
        only=only_of(options["only"]),
        format=options["format_"],
        files=files,
    )
    check_request(request)
    path = out or Path(f"{spec.name}.lock.toml")
    text = freeze(request, catalogue, hypotheses)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"there is a lock {str(path)!r} already, and locks are not overwritten; name another file "
            "with --out"
        ) from None
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be written: {error.strerror}") from None
    terminal.tell(f"frozen in {path}; run it with --lock {path}")
