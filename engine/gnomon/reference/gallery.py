"""The gallery: every shipped measure on one page, with what it costs and how it was tried.

One invariant: sizes come from the plan that a run would make, and validations from a file of results that
were really found; nothing is typed in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from gnomon.catalogue import Catalogue
from gnomon.errors import UsageError
from gnomon.loading import load
from gnomon.reference.specs import cell
from gnomon.run import RunRequest
from gnomon.run.bindings import roles_of
from gnomon.run.plan import Plan, make_plan
from gnomon.simulation import Report
from gnomon.spec import Spec

GALLERY = "specs/README.md"
VALIDATIONS = "specs/validations.json"


def digest(spec: Spec) -> str:
    """What a validation is of: the spec's text."""
    return sha256(spec.text.encode("utf-8")).hexdigest()[:16]


def summary(spec: Spec, report: Report, setting: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the file of validations keeps: the verdict, and the figures of the first statistic that tests.

    Args:
        spec: The measure.
        report: What planted respondents said.
        setting: What was not as the measure has it, such as repeats.
    """
    found: dict[str, Any] = {"spec": digest(spec), **_figures(report)}
    return {**found, "with": dict(setting)} if setting else found


def _figures(report: Report) -> Mapping[str, Any]:
    tested = [one for one in report.findings if one.nuisance == "none" and one.type_1 is not None]
    first = next((one for one in tested if one.judged), tested[0] if tested else None)
    figures: dict[str, Any] = {}
    if first is not None:
        for name in ("type_1", "bias", "coverage", "power"):
            rate = getattr(first, name)
            figures[name] = None if rate is None else round(rate.value, 3)
        figures["statistic"] = first.statistic
    return {
        "runs": report.runs,
        "effect": report.effect,
        "holds": not report.failed,
        "changed_by": [name for name in report.breaking if name != "none"],
        **figures,
    }


def shipped(folder: Path, catalogue: Catalogue) -> Iterable[Spec]:
    """The measures of a folder, loaded, in the order of their names."""
    return [load(path, catalogue) for path in sorted(folder.glob("*.toml"))]


def gallery_page(folder: Path, catalogue: Catalogue) -> str:
    """The page ``specs/README.md``."""
    file = folder / Path(VALIDATIONS).name
    known = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    lines = [
        "# Measures",
        "",
        "Every measure that ships with gnomon. `gnomon describe measure NAME` says more, `gnomon plan NAME` shows",
        "its prompts. Sizes are those of one run as the measure stands; tokens are counted as four characters each",
        "and replies at their limit. Validation: planted respondents with a known effect and with none, "
        "a few",
        "simulated runs of each kind (coverage: how often intervals hold the truth); `gnomon validate NAME` does it",
        "at any size.",
    ]
    for spec in shipped(folder, catalogue):
        lines += ["", *_entry(spec, known.get(spec.name))]
    lines += ["", "Licences and sources of the stimuli: [data/README.md](data/README.md).", ""]
    return "\n".join(lines)


def _entry(spec: Spec, found: Mapping[str, Any] | None) -> list[str]:
    keys = spec.keys
    others = [role for role in roles_of(spec) if role != "subject"]
    rows = {
        "needs": ", ".join((*keys.needs, *(f"a model in the role {role}" for role in others))),
        "size": _size(spec),
        "scores": ", ".join(dict.fromkeys(block.label for block in spec.scores)),
        "statistics": ", ".join(dict.fromkeys(block.use.name for block in spec.statistics)),
        "papers": ", ".join(_paper(cite) for cite in keys.cites) or "none",
        "tags": ", ".join(keys.tags) or "none",
        "validation": _verdict(spec, found),
    }
    return [
        f"## {spec.name}",
        "",
        f"**{keys.title}** (version {keys.version})",
        "",
        keys.about.strip(),
        "",
        "| | |",
        "|---|---|",
        *(f"| {label} | {cell(text)} |" for label, text in rows.items()),
        "",
        "```bash",
        run_command(spec.name, spec),
        "```",
    ]


def run_command(name: str, spec: Spec) -> str:
    """The command that runs a measure, with every role that needs a model of its own."""
    others = [role for role in roles_of(spec) if role != "subject"]
    roles = "".join(f" --role {role}=BACKEND:MODEL" for role in others)
    return f"gnomon run {name} --model BACKEND:MODEL{roles}"


def _paper(cite: str) -> str:
    scheme, _, rest = cite.partition(":")
    home = {"arXiv": "https://arxiv.org/abs/", "doi": "https://doi.org/"}.get(scheme)
    return f"[{cite}]({home}{rest})" if home else cite


def _size(spec: Spec) -> str:
    try:
        plan = make_plan(RunRequest(spec=spec, roles={}), "free")
    except UsageError as error:
        return str(error)
    return f"{_count(plan.trials, 'trial')} ({_count(plan.items, 'item')}); {_load(plan)}"


def _load(plan: Plan) -> str:
    said = []
    for role, own in plan.roles.items():
        tokens = f"{own.tokens_in:,} tokens in, at most {own.tokens_out_high:,} out"
        said.append(f"{_count(own.asks, 'ask')} to the {role}, {tokens}")
    return "; ".join(said) + (" in the first round" if plan.adaptive else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _verdict(spec: Spec, found: Mapping[str, Any] | None) -> str:
    if found is None or found["spec"] != digest(spec):
        return f"not known for this version of the spec; `gnomon validate {spec.name}` tries it"
    said = "holds" if found["holds"] else "does not hold"
    if found["changed_by"]:
        said += f"; changed by {', '.join(found['changed_by'])}"
    if "statistic" in found:
        said += f" ({found['runs']} runs; {found['statistic']}: power {_share(found['power'])} at an effect of {found['effect']:g}"
        said += f", coverage {_share(found['coverage'])}, type-I error {_share(found['type_1'])})"
    if "with" in found:
        said += (
            f"; tried with {', '.join(f'{key} {value}' for key, value in found['with'].items())}"
        )
    return said


def _share(value: float | None) -> str:
    return "not known" if value is None else f"{value:.0%}"
