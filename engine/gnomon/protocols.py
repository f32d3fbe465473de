"""What a plugin has to look like.

Each kind of plugin is a class with one method. The protocols are structural: nothing is inherited. By
convention the class is an attrs class whose attributes are its options (typed, with a default or
required), whose docstring is its help, and whose ``name`` is how a spec or a model string calls it.

Optional class attributes are read with a default, so a plugin states only what it needs:

==============  ===========  ======================================================================
attribute       on           meaning (default)
==============  ===========  ======================================================================
``needs``       any          ``Need`` records checked against the bound models, in its ``role`` where it
                             has one (none)
``adaptive``    source       ask again with the scores so far until nothing comes (False)
``over``        scorer       ``"trial"`` or ``"item"`` (``"trial"``)
``accepts``     scorer       reply statuses it wants to see; others become the score's status
                             without a call (``("ok",)``)
``identity``    backend      what else, beside name, model and options, decides a reply (empty)
``by_trial``    backend      it answers by the trial and the name of an ask, as a table of published
                             replies does, and not only by what is asked (False)
``may``         backend      ``Capability``: what some of its models can do, for ``gnomon list backends``
                             and for the sentence where a model lacks something (not said)
``parts``       scorer       names of the further scores, ``LABEL.part``; ``of`` is checked
                             against them (any)
``counts``      scorer       reply statuses that it counts: to a refusal rate a refusal is an
                             outcome with a number, where to others it is none (none)
``quantities``  statistic    names of the quantities and effect sizes it estimates; ``[expect]`` is
                             checked against them (any)
``columns``     statistic    columns that its estimates' groups have beside ``by`` (none)
``adds``        procedure    names it gives to templates beside the trial's fields (none)
``remembers``   procedure    whether a turn may name the replies to earlier ones (True)
``role``        any          the role it asks in; has to be declared in ``[roles]`` (none)
``check``       any          method: ``check(spec_keys)`` yields a sentence for each thing in the
                             spec that does not go with this block (nothing)
``prepare``     backend      method ``prepare(say, progress=None)``: bring what the model needs,
                             called once before the first call; ``say`` takes a sentence,
                             ``progress`` bytes here and bytes in all (nothing to do)
``relates``     statistic    ``"pair"`` when it says something of two scores, ``"prediction"`` when
                             the first is predicted by the others: ``gnomon correlate`` uses it
``outcomes``    statistic    the only values that the first score may have: where it has others,
                             ``gnomon correlate`` uses the statistic only when it is named (any)
``calls_for``   backend      method ``calls_for(ask)``: how many calls an ask takes, such as one for each
                             sample; budgets and ``--rpm`` count them (1)
``prepares``    executor     it prepares backends where they answer, so nobody else does (False)
``copies``      executor     how many copies of each backend answer at once (1)
``models``      backend      classmethod: ``ModelInfo`` of every model it can pull (none)
``pull``        backend      classmethod ``pull(model, progress=None)``: bring the weights of one
                             of ``models`` to this machine and return its ``ModelInfo``
``meet``        backend      method ``meet(spec)``: learn which measure is run, called once when
                             the model is bound to a role (not told)
``plant``       scorer       method ``plant(ask, trial, wanted)``: the answer to this ask, as
                             ``Planted``, that has the wanted effect on average, with its expected
                             score; None for an ask that is not for it. Refusals and replies out of
                             form are added by the respondent, so only the answer is written
                             (nothing can be planted)
``hint``        scorer       method ``hint(record)``: what a reply in this trial would have to be to
                             be read, in a sentence for ``gnomon failures`` (the nearest reply
                             that was read is shown)
``truth``       statistic    method ``truth(table)``: the value that the estimate is of, given a
                             table of *expected* scores; a mapping from the values that the
                             statistic adds to the group where it makes several (not known)
``contrast``    statistic    method ``contrast(labels)``: the weight that the effect has in rows with
                             these labels, such as 0.5 and -0.5 in the two levels that are
                             compared; None when nothing is compared (the same in all rows)
``power``       statistic    method ``power(table, n, alpha)``: exact power with n rows from a
                             population like the table's, None where no closed form holds (none)
==============  ===========  ======================================================================
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from gnomon.records import (
    Ask,
    Capability,
    Estimate,
    Item,
    ItemRecord,
    Reply,
    Score,
    Trial,
    TrialRecord,
)

if TYPE_CHECKING:
    import numpy as np

    from gnomon.files import Folder
    from gnomon.seeds import Seed
    from gnomon.table import Table
    from gnomon.turns import Turn

Asking = Generator[Ask | Sequence[Ask], Any, Any]
"""The generator form: ``reply = yield ask`` for one, ``replies = yield [ask, ask]`` for several at once."""


class Surroundings(Protocol):
    """What a source is given.

    Attributes:
        folder: Opens files of the spec's folder, and nothing outside it.
        seed: Random draws of the source, by name.
        round: 0 at first; one more each time an adaptive source is asked again.
        scores: For adaptive sources: the scores so far, by item key and score name, in plan order.
        items: For adaptive sources: the items of all rounds before, by key, in plan order.
    """

    @property
    def folder(self) -> Folder: ...
    @property
    def seed(self) -> Seed: ...
    @property
    def round(self) -> int: ...
    @property
    def scores(self) -> Mapping[str, Mapping[str, Sequence[Score]]]: ...
    @property
    def items(self) -> Mapping[str, Item]: ...


class Source(Protocol):
    """``[stimuli]``: where items come from.

    ``items`` yields items lazily and always in the same order. It may also yield an ``Ask`` (to a
    generator model, say) and is sent the reply. An adaptive source is called again with the scores
    of the items so far, until it yields nothing.
    """

    name: ClassVar[str]

    def items(self, around: Surroundings) -> Iterator[Item] | Generator[Item | Ask, Any, None]: ...


class Procedure(Protocol):
    """``[procedure]``: what one trial asks, and in which order.

    A generator that yields asks and is sent replies, so that an ask may depend on an earlier reply,
    in any role. ``turns`` are the spec's ``[[turn]]`` blocks.
    """

    name: ClassVar[str]

    def administer(self, trial: Trial, turns: Sequence[Turn]) -> Asking: ...


class Backend(Protocol):
    """``--model``: something that answers asks.

    ``ask`` is plain or async. It returns a reply with its status, or raises ``CallFailed`` with
    whether to try again. ``offers`` says what this model can do and must not need the network.
    Optional: ``ask_many(asks)`` for models that work in batches, ``price()``, ``count_tokens(text)``,
    ``close()``.
    """

    name: ClassVar[str]
    model: str

    @property
    def offers(self) -> Capability: ...
    def ask(self, ask: Ask) -> Reply | Awaitable[Reply]: ...


class Scorer(Protocol):
    """``[[score]]``: numbers read off one trial, or off all trials of one item.

    ``score`` returns scores, or is a generator that asks a judge and returns scores. A reply that
    cannot be read is a score of status ``unparsed``, never an exception and never a guess.
    """

    name: ClassVar[str]

    def score(self, record: Any) -> Score | Iterable[Score] | Asking: ...


class TrialScorer(Protocol):
    """A scorer with ``over = "trial"``."""

    name: ClassVar[str]

    def score(self, record: TrialRecord) -> Score | Iterable[Score] | Asking: ...


class ItemScorer(Protocol):
    """A scorer with ``over = "item"``."""

    name: ClassVar[str]

    def score(self, record: ItemRecord) -> Score | Iterable[Score] | Asking: ...


class Statistic(Protocol):
    """``[[statistic]]``: what is said of a column of scores.

    ``estimate`` sees one group of rows at a time and refuses with ``StatisticError`` when it cannot
    say anything; the message is shown in the place of the number.

    Class attributes tell commands what a statistic is for beside ``[[statistic]]`` blocks:
    ``effects = True``: it has an option ``factors`` and says what the design did to a score
    (``gnomon results --effects``). ``compares = True``: it has options ``levels`` (two runs),
    ``paired_by`` and ``level`` and says how the runs differ (``gnomon compare``), the main quantity first. ``anytime = True``: it has an option
    ``level``, its first estimate's interval stays valid under continuous looking, and ``[stop]`` may
    name it.
    """

    name: ClassVar[str]

    def estimate(self, table: Table, rng: np.random.Generator) -> Estimate | Iterable[Estimate]: ...


class Correction(Protocol):
    """``correction``: p-values of a declared family in, adjusted p-values out, in the same order."""

    name: ClassVar[str]

    def adjust(self, p: np.ndarray) -> np.ndarray: ...


class Asker(Protocol):
    """An open executor: takes an ask in its role and brings the reply or raises ``CallFailed``."""

    async def ask(self, ask: Ask) -> Reply: ...


class Executor(Protocol):
    """``--on``: where asks are answered: in this process, or by workers elsewhere.

    ``open`` is an async context manager around the backends of all roles.
    """

    name: ClassVar[str]

    def open(self, backends: Mapping[str, Backend]) -> AbstractAsyncContextManager[Asker]: ...
