"""First-party statistics; one idea a file.

One invariant: a statistic returns finite numbers or refuses with a sentence; it never returns NaN.
Refusals come from the call itself: what is returned is complete, never a generator that may still fail.
"""

from __future__ import annotations

from collections.abc import Iterable

import gnomon
from gnomon_plugins.statistics.agreement import CohenKappa, FleissKappa, KrippendorffAlpha
from gnomon_plugins.statistics.anova import Anova, AnovaTwoWay
from gnomon_plugins.statistics.as_scored import AsScored
from gnomon_plugins.statistics.bootstrap import Bootstrap
from gnomon_plugins.statistics.confidence_sequence import ConfidenceSequence
from gnomon_plugins.statistics.consistency import (
    CronbachAlpha,
    McdonaldOmega,
    SplitHalf,
    TestRetest,
)
from gnomon_plugins.statistics.contingency import ChiSquare, FisherExact, GTest
from gnomon_plugins.statistics.correlations import Kendall, Pearson, Spearman
from gnomon_plugins.statistics.design_effects import DesignEffects
from gnomon_plugins.statistics.discontinuity import RegressionDiscontinuity
from gnomon_plugins.statistics.equivalence import BayesFactor, Equivalence
from gnomon_plugins.statistics.icc import Icc
from gnomon_plugins.statistics.level_differences import LevelDifferences, SignificantShare
from gnomon_plugins.statistics.means import Mean, Proportion
from gnomon_plugins.statistics.mixed import MixedLinear, MixedLogistic
from gnomon_plugins.statistics.pairwise_order import PairwiseOrder
from gnomon_plugins.statistics.partial import (
    CompositionalPartialCorrelation,
    PartialCorrelation,
    SemipartialCorrelation,
)
from gnomon_plugins.statistics.permutation import Permutation
from gnomon_plugins.statistics.proportions import Binomial, McNemar
from gnomon_plugins.statistics.rank_sums import Kruskal, MannWhitney
from gnomon_plugins.statistics.regression import LinearRegression, LogisticRegression
from gnomon_plugins.statistics.run_difference import RunDifference
from gnomon_plugins.statistics.shapley import Shapley
from gnomon_plugins.statistics.signed_ranks import Sign, Wilcoxon
from gnomon_plugins.statistics.t_tests import TOneSample, TPaired, TWelch
from gnomon_plugins.statistics.total_variation import TotalVariation
from gnomon_plugins.statistics.weighted_total import WeightedTotal


@gnomon.hookimpl
def register_statistics() -> Iterable[type]:
    """Tests, estimates, effect sizes and reliability coefficients."""
    return [
        AsScored,
        Mean,
        Proportion,
        TOneSample,
        TPaired,
        TWelch,
        Wilcoxon,
        MannWhitney,
        Sign,
        Binomial,
        McNemar,
        ChiSquare,
        FisherExact,
        GTest,
        Kruskal,
        Anova,
        AnovaTwoWay,
        Pearson,
        Spearman,
        Kendall,
        PartialCorrelation,
        SemipartialCorrelation,
        CompositionalPartialCorrelation,
        LinearRegression,
        LogisticRegression,
        Permutation,
        Bootstrap,
        MixedLinear,
        MixedLogistic,
        Equivalence,
        BayesFactor,
        Icc,
        KrippendorffAlpha,
        CohenKappa,
        FleissKappa,
        CronbachAlpha,
        McdonaldOmega,
        SplitHalf,
        TestRetest,
        LevelDifferences,
        SignificantShare,
        TotalVariation,
        WeightedTotal,
        RegressionDiscontinuity,
        ConfidenceSequence,
        DesignEffects,
        RunDifference,
        PairwiseOrder,
        Shapley,
    ]
