"""The questionnaire my-thing: it loads, survives hostile replies, and finds what is planted and nothing else."""

from pathlib import Path

import gnomon.testing

SPEC = Path(__file__).parent / "my-thing.toml"


def test_it_holds() -> None:
    """Acquiescence is known to move the mean; with as many items reversed as not, take the excuse away."""
    gnomon.testing.assert_measure(SPEC, effect=0.5, excused=["label bias"])
