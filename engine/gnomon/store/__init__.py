"""The store: one SQLite file that holds runs, trials, replies, scores and estimates.

One invariant: replies are stored before anything is made of them, and what a commit acknowledged survives. The
parts: ``migrations`` and ``dictionary`` say what there is, ``keys`` what counts as the same, ``values`` and
``forms`` how records become columns, ``writing`` and ``reading`` move them, ``columns`` feeds statistics,
``querying`` is for people's own SQL, ``verifying`` derives again what can be derived, ``explaining`` says why a
reply was or was not used again.
"""

from gnomon.store.columns import ScoreColumns
from gnomon.store.database import Store
from gnomon.store.explaining import Difference, Explained, Explainer
from gnomon.store.keys import KEY_VERSION, RoleFacts, RunFacts, key_parts, reply_key
from gnomon.store.reader import EstimateRow
from gnomon.store.reading import Finished
from gnomon.store.replies import StoredReply

__all__ = [
    "KEY_VERSION",
    "Difference",
    "EstimateRow",
    "Explained",
    "Explainer",
    "Finished",
    "RoleFacts",
    "RunFacts",
    "ScoreColumns",
    "Store",
    "StoredReply",
    "key_parts",
    "reply_key",
]
