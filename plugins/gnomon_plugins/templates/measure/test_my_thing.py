"""The measure my-thing: it loads, survives hostile replies, and finds what is planted and nothing else."""

from pathlib import Path

import gnomon.testing

SPEC = Path(__file__).parent / "my-thing.toml"


def test_it_holds() -> None:
    """A bias for a word is what this measure measures, so that it cannot be told from a leaning."""
    gnomon.testing.assert_measure(SPEC, excused=["label bias"])
