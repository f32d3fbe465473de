"""Loading a spec is validating it.

One invariant: ``load`` either returns a spec that can be run, or raises one ``SpecError`` that holds
every fault that could be found, each with its place in the file. A block in which something is wrong is
left out of the checks that build on it, so that no fault is only the echo of another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from gnomon.catalogue import Catalogue
from gnomon.errors import Fault, SpecError
from gnomon.loading.analysis import load_scores, load_statistics, load_stop
from gnomon.loading.around import Around
from gnomon.loading.blocks import load_use
from gnomon.loading.conversation import check_turns
from gnomon.loading.draft import Draft
from gnomon.loading.factors import check_design, check_names
from gnomon.loading.filling import check_slots
from gnomon.loading.general import check_general
from gnomon.loading.hooks import check_plugins
from gnomon.loading.stimuli import first_item
from gnomon.records import Item
from gnomon.spec import Spec, SpecKeys, Use
from gnomon.structure import Document, parse_document, read_document

__all__ = ["Around", "load", "load_stored"]


def load(path: Path, catalogue: Catalogue, *, files: Mapping[str, Path] | None = None) -> Spec:
    """The spec in a file.

    Args:
        path: The file.
        catalogue: Where plugins are looked up.
        files: Files of the user's own, by the name under which the spec asks for them.

    Raises:
        SpecError: With every fault of the file.
    """
    path = Path(path)
    return _loaded(path, read_document(path), catalogue, files or {}, first_item)


def load_stored(text: str, path: Path, catalogue: Catalogue, item: Item | None) -> Spec:
    """The spec that a run was made with, from its stored text.

    Args:
        text: The text.
        path: Where such a spec would lie; what it names is looked for beside it.
        catalogue: Where plugins are looked up.
        item: One of the run's items. The stimuli are not read: they may be gone, or be others by now.

    Raises:
        SpecError: With every fault of the text, as plugins are today.
    """
    return _loaded(path, parse_document(text), catalogue, {}, lambda *_: item)


FirstItem = Callable[[Draft, Use | None], Item | None]


def _loaded(
    path: Path,
    document: Document | Fault,
    catalogue: Catalogue,
    files: Mapping[str, Path],
    first: FirstItem,
) -> Spec:
    if isinstance(document, Fault):
        raise SpecError(str(path), [document])
    draft = Draft.of(path, document, catalogue, files)
    spec = _check(draft, first)
    if draft.faults or spec is None:
        raise SpecError(str(path), draft.faults)
    return spec


def _check(draft: Draft, first: FirstItem) -> Spec | None:
    check_general(draft)
    source = load_use(draft, "sources", ("stimuli",))
    procedure = load_use(draft, "procedures", ("procedure",))
    scores = load_scores(draft)
    item = first(draft, source)
    statistics = load_statistics(draft, scores, item)
    stop = load_stop(draft, scores)
    check_design(draft)
    check_names(draft, item)
    check_turns(draft, procedure)
    check_slots(draft, item, procedure)
    if any(field not in draft.parts for field in ("measure", "title", "version", "seed", "needs")):
        return None
    if source is None or procedure is None or not draft.is_whole:
        return None
    keys = SpecKeys(**draft.parts)
    check_plugins(draft, keys)
    return Spec(
        path=draft.path,
        text=draft.document.text,
        keys=keys,
        source=source,
        procedure=procedure,
        scores=tuple(block for block in scores if block is not None),
        statistics=tuple(block for block in statistics if block is not None),
        stop=stop,
    )
