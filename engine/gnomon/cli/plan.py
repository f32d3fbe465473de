"""``gnomon plan``."""

from __future__ import annotations

from typing import Any

import attrs
import click

from gnomon.cli import terminal
from gnomon.cli.common import (
    files_of,
    json_option,
    load_measure,
    only_of,
    pairs,
    print_json,
    request_options,
)
from gnomon.cli.values import Whole
from gnomon.errors import UsageError, counted
from gnomon.records import Ask, Chat, Choose, Embed, Hidden, Loglik, ReplyFormat

ALL = -1
"""What ``--examples`` says for all."""


@click.command("plan")
@click.argument("measure")
@click.option(
    "--model", metavar="BACKEND:MODEL", help="Also check what this model can do, and its price."
)
@request_options
@click.option(
    "--examples",
    type=Whole(),
    default=3,
    show_default=True,
    help="Conditions to show a prompt of; 0 for none, -1 for all.",
)
@json_option
def command(measure: str, model: str | None, **options: Any) -> None:
    """Show trials, asks, example prompts, tokens and cost of a run, without asking anything.

    \b
    gnomon plan implicit-bias
    gnomon plan implicit-bias --model litellm:openai/gpt-4o --repeats 50
    """
    from gnomon.run import RunRequest, bind, check_needs, choose_format
    from gnomon.run.bindings import needs
    from gnomon.run.checks import check_plan, check_request
    from gnomon.run.plan import charges, make_plan

    if options["examples"] < ALL:
        raise UsageError(
            f"--examples is a number of prompts, or {ALL} for all; it is {options['examples']}"
        )
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
    check_plan(request)
    backends: dict[str, object] = {}
    format_: ReplyFormat = "constrained" if options["format_"] == "constrained" else "free"
    if model is not None:
        # Nobody is asked, so a role without a model costs an unknown amount and stops nothing.
        bound = bind(spec, roles, catalogue, only=roles)
        format_ = choose_format(request.format, spec, bound)
        needed = [need for need in needs(spec, format_, request.only) if need.role in bound]
        check_needs(spec.name, needed, bound, catalogue)
        backends = {role: binding.backend for role, binding in bound.items()}
    plan = make_plan(request, format_, *charges(backends))
    open_roles = [role for role in plan.roles if role not in roles]
    if model is not None and open_roles:
        given = ", ".join(f"--role {role}=BACKEND:MODEL" for role in open_roles)
        plan = attrs.evolve(plan, notes=(*plan.notes, f"a run needs {given} too"))
    if options["as_json"]:
        print_json(_as_json(plan))
        return
    _print_plan(spec, plan, options["examples"])


def _as_json(plan: Any) -> dict[str, Any]:
    out = attrs.asdict(plan, recurse=False)
    out["roles"] = {role: attrs.asdict(load) for role, load in plan.roles.items()}
    out["examples"] = [
        {
            "condition": dict(example.condition),
            "item": example.item,
            "asks": [
                {"role": ask.role, "kind": ask.kind, "text": shown(ask)} for ask in example.asks
            ],
        }
        for example in plan.examples
    ]
    return out


def shown(ask: Ask) -> str:
    """An ask as text for people, every word as it will be sent."""
    if isinstance(ask, Chat | Choose):
        text = "\n".join(f"[{message.role}] {message.content}" for message in ask.messages)
        if isinstance(ask, Choose):
            text += "\n[options] " + " | ".join(ask.options)
        elif ask.constraint is not None:
            text += f"\n[held to a {ask.constraint.form}]"
        return text
    if isinstance(ask, Loglik):
        return f"[context] {ask.context}\n[text] {ask.text}"
    if isinstance(ask, Embed | Hidden):
        return "\n".join(ask.texts)
    return repr(ask)


def _print_plan(spec: Any, plan: Any, examples: int) -> None:
    more = ", in the first round" if plan.adaptive else ""
    terminal.relate(f"{spec.name} (version {spec.keys.version}): {spec.keys.title}")
    terminal.relate(
        f"{counted(plan.trials, 'trial')}{more}: {counted(plan.items, 'item')}, "
        f"{counted(plan.conditions, 'condition')}, {counted(plan.repeats, 'repeat')}, "
        f"{plan.format} format"
    )
    for role, load in plan.roles.items():
        cost = (
            "cost unknown"
            if load.cost is None
            else f"cost about {load.cost:.4f} $, at most {load.cost_high:.4f} $"
        )
        terminal.relate(
            f"  {role}: {counted(load.asks, 'ask')}, about {load.tokens_in} tokens in, "
            f"{load.tokens_out_low} to {load.tokens_out_high} out, {cost}"
        )
    for note in plan.notes:
        terminal.relate(f"  ({note})")
    piped = terminal.is_piped()
    chosen = plan.examples if examples == ALL else plan.examples[:examples]
    for example in chosen:
        condition = ", ".join(f"{name} {level}" for name, level in example.condition.items())
        title = f"── {example.item}{f': {condition}' if condition else ''}"
        terminal.say(f"\n{terminal.visible(title)}")
        for ask in example.asks:
            terminal.relate(f"{ask.name} ({ask.kind}, {ask.role})")
            text = terminal.visible(shown(ask), lines=True)
            lines = text.splitlines() if piped else terminal.wrapped(text, terminal.width() - 2)
            terminal.say("\n".join(f"  {line}".rstrip() for line in lines))
    if len(chosen) < len(plan.examples) and examples:
        terminal.relate(
            f"\n({counted(len(plan.examples) - len(chosen), 'more condition')}; --examples -1 shows all)"
        )
