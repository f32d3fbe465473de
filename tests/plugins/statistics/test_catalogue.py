"""What every statistic promises: a name, documented options, an example, a light import."""

import subprocess
import sys

import attrs
import pytest

from gnomon_plugins.statistics import register_statistics

STATISTICS = {cls.name: cls for cls in register_statistics()}
NAMED = [
    "t-one-sample",
    "t-paired",
    "t-welch",
    "wilcoxon",
    "mann-whitney",
    "sign",
    "binomial",
    "mcnemar",
    "chi-square",
    "fisher-exact",
    "g-test",
    "kruskal",
    "anova",
    "anova-two-way",
    "pearson",
    "spearman",
    "kendall",
    "partial-correlation",
    "semipartial-correlation",
    "compositional-partial-correlation",
    "linear-regression",
    "logistic-regression",
    "mixed-linear",
    "mixed-logistic",
    "permutation",
    "bootstrap",
    "equivalence",
    "bayes-factor",
    "icc",
    "krippendorff-alpha",
    "cohen-kappa",
    "fleiss-kappa",
    "cronbach-alpha",
    "mcdonald-omega",
    "split-half",
    "test-retest",
    "regression-discontinuity",
    "mean",
    "proportion",
]


def test_names_of_the_field():
    """Every statistic is offered under the name the field gives it."""
    assert set(NAMED) <= set(STATISTICS)


@pytest.mark.parametrize("name", NAMED)
def test_options_are_documented_with_an_example(name):
    """Every option stands under ``Attributes:`` and the example calls the statistic by its name."""
    cls = STATISTICS[name]
    text = cls.__doc__
    assert f'use = "{name}"' in text
    documented = text.split("Attributes:")[1]
    for option in attrs.fields(cls):
        assert f"{option.name}:" in documented


def test_import_is_light():
    """Importing the statistics imports no numerical library."""
    code = (
        "import sys, gnomon_plugins.statistics, gnomon_plugins.corrections; "
        "print([m for m in ('numpy', 'scipy', 'statsmodels', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
