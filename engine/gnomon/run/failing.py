"""What could not be read, refused or failed, grouped so that a person sees the few things that went wrong.

One invariant: nothing is judged here. Replies are put together by their form alone, and what would have been
read the scorer says itself, or a reply shows that it did read.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import SequenceMatcher
from typing import Any

import attrs

from gnomon.catalogue import Catalogue
from gnomon.errors import GnomonError
from gnomon.spec import ScoreKeys
from gnomon.store import Store
from gnomon.store.viewing import Missing, Said
from gnomon.structure import Positions, key_names, structure

MOST_ROWS = 20_000
"""Most scores without a number whose replies are read in one run; the others are counted."""
UNSEEN = "(more, whose replies were not looked at)"
_FORM = 160
_NEAR = 200
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_LIST = re.compile(r"(\{[^{}]+\})(?:[\s,;/&|+-]*(?:\band\b\s*|\bor\b\s*)?\1)+")


@attrs.frozen(kw_only=True)
class Form:
    """Replies of one form that have no number.

    Attributes:
        run: The run.
        measure: Its measure.
        model: Its subject.
        score: The score they were read for; empty for calls that brought no answer.
        status: Why there is no number.
        count: How many.
        of: How many of that score there are in all, with a number or without; 0 where not known.
        form: The form: without dress, numbers and the trial's own words.
        example: One of them as it came.
        trial: The trial it is of.
        hint: What the scorer says it would have read, in this trial.
        nearest: The most similar reply that was read.
    """

    run: int | None
    measure: str
    model: str
    score: str
    status: str
    count: int
    of: int
    form: str
    example: str
    trial: int | None
    hint: str | None = None
    nearest: str | None = None


def normal_form(text: str, fields: Mapping[str, Any] | None = None) -> str:
    """A reply without what differs from trial to trial: case, dress, numbers, the trial's own words.

    >>> normal_form("  **I can't** place 'tea' under Hot. ", {"word": "tea", "label": "Hot"})
    "i can't place {word} under {label}"
    """
    text = _ESCAPE.sub("", unicodedata.normalize("NFKC", text[: 8 * _FORM]).casefold())
    for word, name in _words(fields or {}):
        if word in text:
            text = re.sub(
                rf"(?<!\w)['\"“”‘’]?{re.escape(word)}['\"“”‘’]?(?!\w)", f"{{{name}}}", text
            )
    text = _NUMBER.sub("#", text.replace("’", "'"))
    text = re.sub(r"[*_`\"“”]+", "", text)
    text = _LIST.sub(r"\1 …", " ".join(text.split()))
    return text.strip(" .!?:;,-'")[:_FORM].rstrip()


def _words(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Texts of the trial with their names, the longest first, so that no part hides the whole."""
    found: dict[str, str] = {}
    for name, value in fields.items():
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, str) and 3 <= len(one) <= 80:
                found.setdefault(one.casefold(), name)
    return sorted(found.items(), key=lambda pair: -len(pair[0]))


def forms_of(
    store: Store, run_id: int, catalogue: Catalogue, scores: Collection[str] = ()
) -> list[Form]:
    """The forms of a run's replies that have no number, for each score the commonest first.

    Args:
        store: The store.
        run_id: The run.
        catalogue: Where the scorers are found, to be asked what they would have read.
        scores: Only these scores; all unless given. The parts of a score are left out unless named.

    Raises:
        StoreError: There is no such run.
    """
    facts = store.facts(run_id)
    view = store.view
    totals = view.counts(run_id)
    plugins = _scorers(facts.spec_text, catalogue)
    named = {int(run["run"]): run for run in store.runs()}[run_id]
    groups: dict[tuple[str, str, str], list[tuple[Missing, str]]] = {}
    for place, missing in enumerate(_chosen(view.missing(run_id), scores, totals)):
        text, form = "", UNSEEN
        if place < MOST_ROWS:
            said, fields = ([], {}) if missing.trial is None else view.said(missing.trial)
            text = _read_text(said, plugins.get(missing.name))
            form = normal_form(text, fields)
        groups.setdefault((missing.name, missing.status, form), []).append((missing, text))
    made = [
        Form(
            run=run_id,
            measure=facts.measure,
            model=named["model"] or "",
            score=name,
            status=status,
            count=len(members),
            of=totals[name],
            form=form,
            example=members[0][1],
            trial=None if form == UNSEEN else members[0][0].trial,
        )
        for (name, status, form), members in groups.items()
    ]
    order = {name: at for at, name in enumerate(totals)}
    made.sort(key=lambda one: (order[one.score], one.status != "unparsed", one.status, _rank(one)))
    return made


def _rank(form: Form) -> tuple[bool, int]:
    return form.form == UNSEEN, -form.count


def _chosen(
    missing: Iterator[Missing], scores: Collection[str], totals: Collection[str]
) -> Iterator[Missing]:
    for one in missing:
        is_part = one.name.partition(".")[0] in totals and "." in one.name
        if one.name in scores or (not scores and not is_part):
            yield one


def _read_text(said: Sequence[Said], plugin: Any) -> str:
    """The reply that a scorer reads: the judge's, the one it names, or the last."""
    # Of a scorer that is not installed here it is not known whether it asks; then whoever was asked counts.
    role = getattr(plugin, "role", None)
    names = (getattr(plugin, "reply", None), getattr(plugin, "of", None))
    asked = [one for one in said if one.phase == "trial"]
    wanted = (
        [one for one in said if one.phase == "score" and (plugin is None or one.role == role)],
        *([one for one in asked if one.name == name] for name in names),
        asked,
    )
    return next((found[-1].text for found in wanted if found), "")


def _scorers(spec_text: str, catalogue: Catalogue) -> dict[str, Any]:
    """Score → its scorer, for those that can be made from the stored spec."""
    known = catalogue.of_kind("scorers")
    own = key_names(ScoreKeys)
    made: dict[str, Any] = {}
    for block in tomllib.loads(spec_text).get("score", ()):
        plugin = known.get(block["use"])
        if plugin is None:
            continue
        options = {name: value for name, value in block.items() if name not in own}
        label = block.get("as", block["use"])
        made[label] = structure(plugin.cls, options, (), Positions.of(""), [])
    return {label: plugin for label, plugin in made.items() if plugin is not None}


def explained(store: Store, forms: list[Form], catalogue: Catalogue) -> list[Form]:
    """The forms with what would have been read: the scorer's own words, or the nearest that was read.

    A scorer says it with an optional method ``hint(record)``.
    """
    out = []
    view = store.view
    plugins: dict[int, dict[str, Any]] = {}
    read: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for form in forms:
        if form.run is None or form.trial is None or form.status != "unparsed":
            out.append(form)
            continue
        if form.run not in plugins:
            plugins[form.run] = _scorers(store.facts(form.run).spec_text, catalogue)
        plugin = plugins[form.run].get(form.score)
        hint = getattr(plugin, "hint", None)
        stored = view.trial(form.trial)
        if hint is not None and stored is not None:
            # A field that is no longer there is no reason to show nothing of the rest.
            with suppress(GnomonError):
                out.append(attrs.evolve(form, hint=hint(stored.record)))
                continue
        key = (form.run, form.score)
        if key not in read:
            read[key] = list(_read_replies(store, form.run, form.score, plugin))
        out.append(attrs.evolve(form, nearest=_nearest(form.form, read[key])))
    return out


def _read_replies(store: Store, run_id: int, name: str, plugin: Any) -> Iterator[tuple[str, str]]:
    """Form and text of some replies that were read."""
    view = store.view
    for trial_id in view.read(run_id, name, _NEAR):
        said, fields = view.said(trial_id)
        text = _read_text(said, plugin)
        yield normal_form(text, fields), text


def _nearest(form: str, read: list[tuple[str, str]]) -> str | None:
    if not read:
        return None
    return max(read, key=lambda pair: SequenceMatcher(None, form, pair[0]).quick_ratio())[1]


def failed_calls(store: Store, run_ids: Collection[int]) -> list[Form]:
    """Attempts that brought no answer, by run, status and form of the reason, the commonest first."""
    known = {int(run["run"]): run for run in store.runs()}
    groups: dict[tuple[int | None, str, str], list[tuple[int | None, str]]] = {}
    for run_id, trial, role, status, reason in store.view.failed_replies():
        # What the subject would not say has no number and is told with the scores.
        if status != "error" and role == "subject":
            continue
        if run_id is None or not run_ids or run_id in run_ids:
            groups.setdefault((run_id, status, normal_form(reason)), []).append((trial, reason))
    made = [
        Form(
            run=run_id,
            measure=known[run_id]["measure"] if run_id in known else "",
            model=(known[run_id]["model"] or "") if run_id in known else "",
            score="",
            status=status,
            count=len(members),
            of=0,
            form=form,
            example=members[0][1],
            trial=members[0][0],
        )
        for (run_id, status, form), members in groups.items()
    ]
    return sorted(made, key=lambda one: (one.run or 0, -one.count))
