"""First-party scorers; one idea a file."""

from __future__ import annotations

from collections.abc import Iterable

import gnomon
from gnomon_plugins.scorers.agreement import Agreement
from gnomon_plugins.scorers.association_d import AssociationD
from gnomon_plugins.scorers.choice import Choice
from gnomon_plugins.scorers.field import Field
from gnomon_plugins.scorers.genbit import GenBit
from gnomon_plugins.scorers.item_weight import ItemWeight
from gnomon_plugins.scorers.judge_code import JudgeCode
from gnomon_plugins.scorers.judged_difference import JudgedDifference
from gnomon_plugins.scorers.likert import Likert
from gnomon_plugins.scorers.log_odds import LogOdds
from gnomon_plugins.scorers.multiple_choice import MultipleChoice
from gnomon_plugins.scorers.refusal import Refusal
from gnomon_plugins.scorers.sentiment import Sentiment
from gnomon_plugins.scorers.stated_number import StatedNumber
from gnomon_plugins.scorers.toxicity import Toxicity
from gnomon_plugins.scorers.tropes import Tropes
from gnomon_plugins.scorers.weat import Weat
from gnomon_plugins.scorers.wefat import Wefat
from gnomon_plugins.scorers.word_share import WordShare
from gnomon_plugins.scorers.yes_no import YesNo


@gnomon.hookimpl
def register_scorers() -> Iterable[type]:
    """The scorers of this package."""
    return [
        Agreement,
        AssociationD,
        Choice,
        Field,
        GenBit,
        Likert,
        Weat,
        Wefat,
        ItemWeight,
        JudgedDifference,
        JudgeCode,
        LogOdds,
        MultipleChoice,
        Refusal,
        Sentiment,
        Toxicity,
        Tropes,
        StatedNumber,
        WordShare,
        YesNo,
    ]
