"""Every registered statistic is proved: equality, invariance, calibration, coverage, or it is said why not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gnomon_plugins.statistics import register_statistics

HERE = Path(__file__).parent
T = "test_t_tests"
R = "test_ranks"
C = "test_counts"
COR = "test_correlations"
REL = "test_reliability"
CL = "test_clustered"
NO_TEST = "it has no p-value"
NO_INTERVAL = "it has no interval"
INVERTS = "its interval is the noncentral one, which inverts the test: test_anova.test_fisher_interval_inverts_noncentral_f"
DISCRETE = "an exact test of few outcomes stays below its level; its size is enumerated: "

PROOF: dict[str, tuple[str, str, str, str]] = {
    "as-scored": ("it computes nothing: tests/plugins/association holds what it shows",) * 4,
    "mean": (
        "test_means.test_mean_equals_scipy",
        f"{T}.test_one_sample_shift_and_scale",
        NO_TEST,
        f"{CL}.test_coverage",
    ),
    "proportion": (
        "test_means.test_proportion_equals_statsmodels",
        f"{C}.test_relabelling",
        NO_TEST,
        "test_means.test_coverage_of_clustered_share",
    ),
    "t-one-sample": (
        f"{T}.test_one_sample_equals_scipy",
        f"{T}.test_one_sample_shift_and_scale",
        f"{T}.test_null_calibration_and_coverage",
        f"{T}.test_null_calibration_and_coverage",
    ),
    "t-paired": (
        f"{T}.test_paired_equals_scipy",
        f"{T}.test_one_sample_shift_and_scale",
        f"{CL}.test_null_calibration",
        f"{T}.test_coverage_of_d",
    ),
    "t-welch": (
        f"{T}.test_two_samples_equal_scipy",
        f"{T}.test_swapping_groups_turns_the_sign",
        f"{T}.test_null_calibration_of_welch_under_unequal_variances",
        f"{T}.test_coverage_of_d",
    ),
    "wilcoxon": (
        f"{R}.test_wilcoxon_equals_scipy",
        f"{R}.test_wilcoxon_turns_and_moves",
        f"{R}.test_null_calibration",
        f"{R}.test_coverage_of_shift_and_pseudo_median",
    ),
    "mann-whitney": (
        f"{R}.test_mann_whitney_equals_scipy",
        f"{R}.test_mann_whitney_sees_only_order",
        f"{R}.test_null_calibration",
        f"{R}.test_coverage_of_shift_and_pseudo_median",
    ),
    "sign": (
        f"{R}.test_sign_equals_scipy",
        f"{CL}.test_invariances",
        f"{R}.test_null_calibration",
        "its interval is Clopper and Pearson's, equal to scipy's in test_ranks.test_sign_equals_scipy",
    ),
    "binomial": (
        f"{C}.test_binomial_equals_scipy",
        f"{C}.test_relabelling",
        f"{DISCRETE}{C}.test_enumerated_size",
        f"{CL}.test_shares_by_design_effect",
    ),
    "mcnemar": (
        f"{C}.test_mcnemar_equals_statsmodels",
        f"{C}.test_mcnemar_swapped",
        f"{DISCRETE}{C}.test_enumerated_size",
        f"{C}.test_coverage_of_differences",
    ),
    "chi-square": (
        f"{C}.test_tables_equal_scipy",
        f"{C}.test_relabelling",
        f"{C}.test_null_calibration_of_chi_square_and_g",
        INVERTS,
    ),
    "g-test": (
        f"{C}.test_tables_equal_scipy",
        f"{C}.test_relabelling",
        f"{C}.test_null_calibration_of_chi_square_and_g",
        INVERTS,
    ),
    "fisher-exact": (
        f"{C}.test_fisher_equals_scipy",
        f"{C}.test_relabelling",
        f"{DISCRETE}{C}.test_enumerated_size",
        f"{C}.test_coverage_of_differences",
    ),
    "kruskal": (
        f"{R}.test_kruskal_equals_scipy",
        f"{R}.test_kruskal_relabelled",
        f"{R}.test_null_calibration",
        INVERTS,
    ),
    "anova": (
        "test_anova.test_one_way_equals_scipy_and_pingouin",
        "test_anova.test_invariances",
        "test_anova.test_null_calibration",
        INVERTS,
    ),
    "anova-two-way": (
        "test_anova.test_two_way_equals_statsmodels",
        "test_anova.test_invariances",
        "test_anova.test_null_calibration_of_two_way",
        INVERTS,
    ),
    "pearson": (
        f"{COR}.test_equals_scipy",
        f"{COR}.test_invariances",
        f"{COR}.test_null_calibration",
        f"{COR}.test_coverage",
    ),
    "spearman": (
        f"{COR}.test_equals_scipy",
        f"{COR}.test_invariances",
        f"{COR}.test_null_calibration",
        f"{COR}.test_coverage",
    ),
    "kendall": (
        f"{COR}.test_equals_scipy",
        f"{COR}.test_invariances",
        f"{COR}.test_null_calibration",
        f"{COR}.test_coverage",
    ),
    "partial-correlation": (
        f"{COR}.test_partial_equals_pingouin",
        f"{COR}.test_invariances",
        f"{CL}.test_null_calibration",
        f"{COR}.test_coverage",
    ),
    "semipartial-correlation": (
        f"{COR}.test_partial_equals_pingouin",
        f"{COR}.test_invariances",
        f"{CL}.test_null_calibration",
        "its interval is the partial correlation's, on the same scale: test_correlations.test_coverage",
    ),
    "compositional-partial-correlation": (
        f"{COR}.test_composition_equals_residuals_of_log_ratios",
        f"{COR}.test_rows_of_a_composition_may_be_rescaled",
        "under independence r is not 0, which it is tested against; it is held to the truth: "
        f"{COR}.test_independent_parts_have_one_over_parts_less_one",
        f"{CL}.test_coverage",
    ),
    "linear-regression": (
        "test_regression.test_linear_equals_the_normal_equations",
        "test_regression.test_invariances",
        "test_regression.test_null_calibration",
        "its interval inverts the t test, equal to pingouin's: test_regression.test_linear_equals_pingouin",
    ),
    "logistic-regression": (
        "test_regression.test_logistic_equals_direct_maximum",
        "test_regression.test_invariances",
        "test_regression.test_null_calibration",
        "its interval inverts the z test, of which the size is tested",
    ),
    "permutation": (
        "test_permutation.test_exact_equals_scipy",
        "test_permutation.test_invariances",
        "test_permutation.test_null_calibration",
        "test_permutation.test_intervals_invert_the_test",
    ),
    "bootstrap": (
        "test_bootstrap.test_close_to_scipy",
        "test_bootstrap.test_invariances",
        "test_bootstrap.test_coverage_and_size_of_clusters",
        "test_bootstrap.test_coverage_and_size_of_clusters",
    ),
    "mixed-linear": (
        "test_mixed.test_balanced_data_in_closed_form",
        "test_mixed.test_invariances",
        "test_mixed.test_null_calibration_of_the_linear_model",
        "its interval inverts the t test, of which the size is tested",
    ),
    "mixed-logistic": (
        "test_mixed.test_likelihood_equals_brute_force",
        "test_mixed.test_invariances",
        "test_mixed.test_null_calibration_of_the_logistic_model",
        "its interval inverts the z test, of which the size is tested",
    ),
    "equivalence": (
        "test_equivalence.test_equivalence_equals_two_t_tests",
        "test_equivalence.test_equivalence_scales_and_swaps",
        "test_equivalence.test_size_at_the_bound",
        f"{CL}.test_coverage",
    ),
    "bayes-factor": (
        "test_equivalence.test_bayes_factor_equals_the_integral_over_effects",
        "test_equivalence.test_bayes_factor_equals_pingouin",
        NO_TEST,
        "its interval is that of d: test_t_tests.test_coverage_of_d",
    ),
    "icc": (
        f"{REL}.test_icc_equals_pingouin",
        f"{REL}.test_invariances",
        f"{REL}.test_null_calibration",
        f"{REL}.test_coverage",
    ),
    "krippendorff-alpha": (
        f"{REL}.test_alpha_equals_krippendorff_package",
        f"{REL}.test_relabelled_categories",
        NO_TEST,
        f"{CL}.test_coverage",
    ),
    "cohen-kappa": (
        f"{REL}.test_cohen_equals_sklearn_and_bootstrap_error",
        f"{REL}.test_relabelled_categories",
        f"{CL}.test_null_calibration",
        f"{REL}.test_coverage",
    ),
    "fleiss-kappa": (
        f"{REL}.test_fleiss_equals_statsmodels",
        f"{REL}.test_relabelled_categories",
        f"{CL}.test_null_calibration",
        f"{REL}.test_coverage",
    ),
    "cronbach-alpha": (
        f"{REL}.test_cronbach_equals_pingouin",
        f"{REL}.test_invariances",
        f"{CL}.test_null_calibration",
        f"{REL}.test_coverage",
    ),
    "mcdonald-omega": (
        f"{REL}.test_omega_equals_direct_minimisation",
        f"{REL}.test_invariances",
        NO_TEST,
        f"{CL}.test_coverage_of_omega_and_halves_and_the_jump",
    ),
    "split-half": (
        f"{REL}.test_split_half",
        f"{REL}.test_invariances",
        NO_TEST,
        f"{CL}.test_coverage_of_omega_and_halves_and_the_jump",
    ),
    "test-retest": (
        f"{REL}.test_test_retest",
        f"{REL}.test_invariances",
        "its tests are those of pearson, icc and t-paired",
        "its intervals are those of pearson, icc and t-paired",
    ),
    "level-differences": (
        "test_level_differences.test_pairs_are_the_paired_test_of_each_level",
        "test_level_differences.test_swapping_reference_and_level_turns_the_sign",
        "its tests are those of t-paired, t-welch and mcnemar, one for each level",
        "its intervals are those of t-paired and t-welch, one for each level",
    ),
    "significant-share": (
        "test_level_differences.test_shares_of_areas_and_of_levels",
        "test_level_differences.test_the_direction_counts_and_so_does_the_correction",
        "test_level_differences.test_under_the_null_hardly_any_level_has_a_significant_area",
        NO_INTERVAL,
    ),
    "total-variation": (
        "test_totals_and_distances.test_it_is_the_mean_over_items_computed_by_hand",
        "test_totals_and_distances.test_the_fixture",
        "test_totals_and_distances.test_permutation_is_calibrated_and_has_power",
        NO_INTERVAL,
    ),
    "weighted-total": (
        "test_totals_and_distances.test_published_positions",
        "test_totals_and_distances.test_an_item_counts_once",
        NO_TEST,
        "test_totals_and_distances.test_the_interval_holds_the_total",
    ),
    "regression-discontinuity": (
        "test_discontinuity.test_equals_two_weighted_lines",
        "test_discontinuity.test_invariances",
        "test_discontinuity.test_null_calibration_and_coverage",
        "test_discontinuity.test_null_calibration_and_coverage",
    ),
    "confidence-sequence": (
        "test_confidence_sequence.test_capital_is_that_of_a_gambler_who_bets_step_by_step",
        "test_confidence_sequence.test_scores_in_other_bounds_are_scaled",
        "test_confidence_sequence.test_error_stays_below_alpha_under_continuous_looking",
        "test_confidence_sequence.test_error_stays_below_alpha_under_continuous_looking",
    ),
    "design-effects": (
        "test_design_effects.test_two_levels_are_the_paired_t_test_over_items",
        "test_design_effects.test_shift_and_scale_change_no_share_and_no_test",
        "test_design_effects.test_main_effects_are_calibrated_under_the_null",
        "test_design_effects.test_intervals_of_shares_hold_the_planted_share",
    ),
    "run-difference": (
        "it is t-paired and t-welch of two runs: tests/engine/test_compare.py",
        f"{T}.test_swapping_groups_turns_the_sign",
        f"{CL}.test_null_calibration",
        f"{T}.test_null_calibration_and_coverage",
    ),
    "pairwise-order": (
        "it is an order and its consistence, held against published values by the tests of its measure",
    )
    * 4,
    "shapley": (
        "test_shapley.test_equal_to_the_mean_over_all_orders_and_to_the_regression",
        "test_shapley.test_symmetry_dummy_and_linearity",
        "test_shapley.test_calibrated_when_subsets_are_asked_several_times",
        "test_shapley.test_intervals_over_orders_cover",
    ),
}
"""Statistic → where it is shown equal to another implementation, invariant, calibrated under the null, and
covering; or why there is nothing to show."""
_TEST = re.compile(r"(test_\w+)\.(test_\w+)")


@pytest.mark.parametrize("name", [cls.name for cls in register_statistics()])
def test_every_statistic_is_proved(name):
    """A new statistic needs four entries; each names a test that is there, or gives a reason."""
    entries = PROOF.get(name)
    assert entries is not None, f"{name} has no entry in PROOF"
    for entry in entries:
        named = _TEST.findall(entry)
        assert named or len(entry.split()) > 3, entry
        for module, test in named:
            path = HERE / f"{module}.py"
            assert path.is_file(), entry
            assert f"def {test}(" in path.read_text("utf-8"), entry


def test_no_proof_of_what_is_not_there():
    """The list names registered statistics only."""
    assert set(PROOF) == {cls.name for cls in register_statistics()}
