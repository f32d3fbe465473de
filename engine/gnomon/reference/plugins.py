"""What one plugin is, from its class: for ``gnomon describe`` and for the page of all plugins.

One invariant: everything shown is read off the class: its docstring, its options and its class attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gnomon.catalogue import KINDS, Catalogue
from gnomon.records import Capability, Need
from gnomon.reference.specs import about, option_lines, option_table
from gnomon.structure import describe_options, example_of


def facts(kind: str, cls: Any) -> Mapping[str, str]:
    """What a plugin's class attributes say, in words; only what is not the default."""
    told = {
        "of": "all trials of an item together" if getattr(cls, "over", "trial") == "item" else "",
        "parts": _parts(cls),
        "unit": str(getattr(cls, "unit", "")) if kind == "scorers" else "",
        "reads": _accepted(kind, cls),
        "asks": _needs(cls),
        "offers": _offers(getattr(cls, "may", None)) if kind == "backends" else "",
        "plants": "answers, so that a measure with it can be validated"
        if kind == "scorers" and hasattr(cls, "plant")
        else "",
        "used by": ", ".join(_used_by(cls)) if kind == "statistics" else "",
        "rounds": "asks again with the scores so far" if getattr(cls, "adaptive", False) else "",
        "names": ", ".join(getattr(cls, "adds", ())),
        "papers": ", ".join(getattr(cls, "cites", ())),
    }
    return {label: text for label, text in told.items() if text}


def _parts(cls: Any) -> str:
    parts = getattr(cls, "parts", None)
    if isinstance(parts, property):
        return f"further scores {cls.name}.…, as its options say"
    return ", ".join(f"{cls.name}.{part}" for part in parts or ())


def _accepted(kind: str, cls: Any) -> str:
    accepts = getattr(cls, "accepts", ("ok",))
    if kind != "scorers" or tuple(accepts) == ("ok",):
        return ""
    return f"replies of status {', '.join(accepts)}"


def _needs(cls: Any) -> str:
    needs: Sequence[Need] = getattr(cls, "needs", ())
    said = []
    for need in needs:
        text = f"{need.kind} of the {need.role}"
        if need.constraint:
            text += f", held to a {need.constraint}"
        if need.logprobs:
            text += f", with {need.logprobs} log-probabilities"
        said.append(text)
    role = getattr(cls, "role", None)
    if isinstance(role, str) and not said:
        said.append(f"the {role}")
    return "; ".join(said)


def _offers(may: Capability | None) -> str:
    if may is None:
        return ""
    said = f"asks of kind {', '.join(sorted(may.kinds))}"
    if may.constraints:
        said += f"; replies held to {', '.join(sorted(may.constraints))}"
    if may.logprobs:
        said += f"; up to {may.logprobs} log-probabilities a token"
    return said


def _used_by(cls: Any) -> Iterator[str]:
    if getattr(cls, "effects", False):
        yield "gnomon results --effects"
    if getattr(cls, "compares", False):
        yield "gnomon compare"
    if getattr(cls, "relates", None):
        yield "gnomon correlate"
    if getattr(cls, "anytime", False):
        yield "[stop]"
    if hasattr(cls, "power"):
        yield "gnomon power, in closed form"


def plugin_text(kind: str, name: str, cls: type, origin: str) -> str:
    """A plugin for the terminal."""
    lines = [f"{name} ({KINDS[kind][0]}, from {origin})", "", about(cls), ""]
    told = facts(kind, cls)
    width = max(map(len, told), default=0)
    lines += [f"{label.ljust(width)}  {text}" for label, text in told.items()]
    lines += [""] if told else []
    options = describe_options(cls)
    lines.append("Options:" if options else "It has no options.")
    for option in options:
        lines += option_lines(option)
    example = example_of(cls)
    if example:
        lines += ["", "Example:", *(f"  {line}" for line in example.splitlines())]
    return "\n".join(line.rstrip() for line in lines)


def own(catalogue: Catalogue) -> Iterator[tuple[str, str, type]]:
    """Kind, name and class of every plugin of this distribution."""
    for kind in KINDS:
        for name, plugin in sorted(catalogue.of_kind(kind).items()):
            if plugin.provider.origin.split(" ")[0] == "gnomon":
                yield kind, name, plugin.cls


def plugins_page(catalogue: Catalogue) -> str:
    """The page ``docs/plugins.md``."""
    lines = [
        "# Plugins",
        "",
        "Everything that ships with gnomon, by kind. `gnomon describe KIND NAME` shows one of them, and those of",
        "other distributions too; `gnomon list KINDS` lists them.",
    ]
    last = ""
    for kind, name, cls in own(catalogue):
        if kind != last:
            lines += ["", f"## {kind.capitalize()}"]
            last = kind
        lines += ["", f"### {name}", "", about(cls).replace("``", "`"), ""]
        told = facts(kind, cls)
        if told:
            lines += [*(f"- {label}: {text}" for label, text in told.items()), ""]
        lines += option_table(describe_options(cls))
        example = example_of(cls)
        if example:
            language = "bash" if kind in ("backends", "executors") else "toml"
            lines += ["", f"```{language}", example, "```"]
    return "\n".join([*lines, ""])
