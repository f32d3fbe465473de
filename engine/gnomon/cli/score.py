"""``gnomon score``."""

from __future__ import annotations

from pathlib import Path

import click

from gnomon.cli import terminal
from gnomon.cli.common import database_option, json_option, plugin_option, print_json
from gnomon.cli.values import Run
from gnomon.errors import counted


@click.command("score")
@click.argument("run_id", type=Run(), metavar="RUN")
@database_option
@click.option(
    "--measure",
    help="Use the scorers and statistics of this measure as it is now, by name or path, not those stored.",
)
@plugin_option
@json_option
def command(
    run_id: int,
    database: Path,
    measure: str | None,
    plugin_files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Score the stored replies of a run again, without calling a model.

    The spec that is stored with the run says how, so that scorers which were mended can be tried on old
    replies; with --measure a changed spec does, and is stored with the pass. The new scores and estimates
    are added as a further pass; the earlier pass stays in the database.

    \b
    gnomon score 3
    gnomon score 3 --measure ./my-measure.toml
    """
    from gnomon.catalogue import Catalogue
    from gnomon.cli.estimates import estimate_rows, print_estimates
    from gnomon.run.rescore import rescore
    from gnomon.store import Store
    from gnomon.store.opening import no_database

    catalogue = Catalogue(files=plugin_files)
    if not database.exists():
        raise no_database(database.resolve())
    with Store.open(database, write=True) as store:
        done = rescore(store, run_id, catalogue, measure)
        store.flush()
        rows = estimate_rows(store, [run_id])
    if as_json:
        said = {"run": run_id, "trials": done.trials, "seconds": round(done.seconds, 3)}
        print_json({**said, "version": done.version, "stored_spec": done.stored, "estimates": rows})
        return
    print_estimates(rows)
    spec = "the spec stored with the run" if done.stored else "another spec than the run's"
    terminal.relate(
        f"{counted(done.trials, 'trial')} scored again in {done.seconds:.1f} s with {spec} (version {done.version})"
    )
    if done.now is not None and measure is None:
        terminal.relate(
            f"the measure has another text now (version {done.now}); --measure NAME scores with that"
        )
