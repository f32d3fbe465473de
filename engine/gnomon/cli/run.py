"""``gnomon run``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gnomon.cli import terminal
from gnomon.cli.common import (
    database_option,
    files_of,
    json_option,
    junit_option,
    limits_of,
    load_measure,
    only_of,
    pairs,
    print_json,
    request_options,
)
from gnomon.cli.values import Number, Whole
from gnomon.errors import EXIT_DONE, EXIT_VIOLATED, counted

if TYPE_CHECKING:
    from gnomon.run.expect import Check


@click.command("run")
@click.argument("measure")
@click.option(
    "--model",
    "models",
    multiple=True,
    required=True,
    metavar="BACKEND:MODEL[?OPTION=VALUE&...]",
    help="The model measured. Given again, each model gets a run of its own.",
)
@request_options
@database_option
@click.option(
    "--on",
    "executor",
    default="in-process",
    show_default=True,
    metavar="EXECUTOR[?OPTION=VALUE&...]",
    help="Where asks are answered; 'gnomon list executors' shows what there is.",
)
@click.option(
    "--concurrency",
    type=Whole(),
    help="Most trials under way at once; the backend's own limit, or 16.",
)
@click.option(
    "--timeout",
    type=Number(),
    help="Seconds one call may take; 120, or more for models in this process.",
)
@click.option(
    "--retries",
    type=Whole(),
    default=6,
    show_default=True,
    help="Further tries of a call that may succeed later.",
)
@click.option(
    "--max-wait",
    type=Number(),
    default=600.0,
    show_default=True,
    help="Most seconds one call waits between tries, in all.",
)
@click.option(
    "--rpm",
    multiple=True,
    metavar="[ROLE=]N",
    help="Most calls a minute to a model. May be given again for other roles.",
)
@click.option(
    "--tpm",
    multiple=True,
    metavar="[ROLE=]N",
    help="Most tokens a minute, of prompts and replies. May be given again for other roles.",
)
@click.option("--max-calls", type=Whole(), help="Stop before more calls than this; resumable.")
@click.option("--max-cost", type=Number(), help="Stop before more US dollars than this; resumable.")
@click.option("--max-time", type=Number(), help="Stop after so many seconds; resumable.")
@click.option(
    "--cache/--no-cache", default=True, show_default=True, help="Use stored replies of equal key."
)
@click.option(
    "--lock",
    type=click.Path(path_type=Path),
    help="Hold the run against what 'gnomon freeze' wrote: confirmatory, or exploratory and why.",
)
@click.option(
    "--fresh",
    is_flag=True,
    help="Make a new run even if an equal one is there. Its replies may still be stored ones: "
    "--no-cache asks for all of them again.",
)
@junit_option
@click.option("--quiet", is_flag=True, help="No progress, only the table.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, measure: str, models: tuple[str, ...], **options: Any) -> None:
    """Run a measure, by name or path, on one or several models.

    Replies are stored the moment they arrive. The same command again continues an unfinished run and
    asks nothing twice. A call that may succeed later (429, 5xx, a broken connection) is tried again
    after the time the provider names, otherwise after 1, 2, 4, … seconds. A provider that was asked too
    often is asked less often from then on, and gradually more often again.

    \b
    gnomon run implicit-bias --model local:smollm2-135m
    gnomon run ./my-measure.toml --model litellm:openai/gpt-4o --repeats 10 --max-cost 5
    """
    from gnomon.cli.checks import check_cases
    from gnomon.cli.display import observer
    from gnomon.cli.estimates import estimate_rows, print_estimates
    from gnomon.cli.junit import Case, check_place, write_junit
    from gnomon.run import RunRequest, run
    from gnomon.run.checks import check_request
    from gnomon.run.expect import checks
    from gnomon.run.freezing import read_lock
    from gnomon.store import Store

    files = files_of(options["files"])
    catalogue, spec = load_measure(measure, options["plugin_files"], files)
    lock = None if options["lock"] is None else read_lock(options["lock"])
    check_place(options["junit"], options["database"])
    code = EXIT_DONE
    cases: list[Case] = []
    report: list[dict[str, Any]] = []
    for model in models:
        request = RunRequest(
            spec=spec,
            roles={"subject": model, **pairs(options["roles"], "--role")},
            seed=options["seed"],
            repeats=options["repeats"],
            limit=options["limit"],
            only=only_of(options["only"]),
            format=options["format_"],
            concurrency=options["concurrency"],
            timeout=options["timeout"],
            retries=options["retries"],
            max_wait=options["max_wait"],
            rpm=limits_of(options["rpm"], "--rpm"),
            tpm=limits_of(options["tpm"], "--tpm"),
            cache=options["cache"],
            fresh=options["fresh"],
            executor=options["executor"],
            max_calls=options["max_calls"],
            max_cost=options["max_cost"],
            max_time=options["max_time"],
            files=files,
            command=("gnomon", *sys.argv[1:]),
            lock=lock,
        )
        check_request(request)
        quiet = options["quiet"] or options["as_json"]
        outcome = run(request, catalogue, options["database"], observer(quiet=quiet))
        with Store.open(options["database"]) as store:
            rows = estimate_rows(store, [outcome.run_id])
            made = checks(spec, [row.estimate for row in store.estimates([outcome.run_id])])
        cases += check_cases(outcome, f"{spec.name}: {model}", made)
        broken = [check.fault for check in made if check.fault is not None]
        code = max(code, outcome.exit_code)
        if broken and code == EXIT_DONE:
            code = EXIT_VIOLATED
        report.append(_report(outcome, rows, broken))
        if not options["as_json"]:
            print_estimates(rows)
            _print_end(outcome, made, options["database"])
    if options["as_json"]:
        print_json(report)
    if options["junit"] is not None:
        write_junit(options["junit"], cases)
    ctx.exit(code)


def _report(outcome: Any, rows: list[dict[str, Any]], broken: list[str]) -> dict[str, Any]:
    tally = outcome.tally
    return {
        "run": outcome.run_id,
        "exit_code": outcome.exit_code,
        "reason": outcome.reason,
        "stopped": outcome.stopped,
        "searched": outcome.searched,
        "trials_saved": _saved(outcome),
        "trials": {"planned": tally.planned, "before": tally.before, "now": tally.done},
        "calls": tally.calls,
        "cached": tally.cached,
        "limited": tally.limited,
        "replies": dict(tally.statuses),
        "seconds": round(tally.seconds, 3),
        "waited": round(tally.waiting, 3),
        "tokens_in": tally.tokens_in,
        "tokens_out": tally.tokens_out,
        "cost": tally.spent,
        "violations": broken,
        "estimates": rows,
    }


def _saved(outcome: Any) -> int:
    """Planned trials that a stopping rule spared."""
    tally = outcome.tally
    if outcome.stopped is None or tally.planned is None:
        return 0
    return max(0, int(tally.planned - tally.before - tally.done))


def _print_end(outcome: Any, checks: list[Check], database: Path) -> None:
    from gnomon.cli.checks import checks_table
    from gnomon.cli.tables import write

    broken = [check.fault for check in checks if check.fault is not None]
    if broken:
        write(None, [checks_table(checks)], list, empty="")
    tally = outcome.tally
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(tally.statuses.items()))
    waited = f", {tally.waiting:.1f} s of waiting between tries" if tally.waiting else ""
    terminal.relate(
        f"run {outcome.run_id} in {database}: {tally.before + tally.done} of {tally.planned} trials, "
        f"{counted(tally.calls, 'call')}{f' ({statuses})' if statuses else ''}, "
        f"{tally.cached} {'reply' if tally.cached == 1 else 'replies'} from the store, {tally.seconds:.1f} s{waited}"
    )
    if outcome.searched:
        terminal.relate(outcome.searched)
    if outcome.stopped:
        terminal.relate(f"{outcome.stopped}; {_saved(outcome)} planned trials were not needed")
    if outcome.reason:
        terminal.tell(f"not complete: {outcome.reason}", err=True)
    for sentence in broken:
        terminal.tell(f"expectation violated: {sentence}", err=True)
