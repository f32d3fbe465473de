"""How the methods of a table's estimates are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.methods import told


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        ([], []),
        (["t test"], ["t test"]),
        (["t test", "t test"], ["t test"]),
        (
            [
                "t, clustered by item (9 clusters)",
                "t, clustered by item (4 clusters)",
                "t, independent",
            ],
            ["t, clustered by item (4 to 9 clusters)", "t, independent"],
        ),
        (["level 0.95 of 10", "level 0.9 of 10"], ["level 0.95 of 10", "level 0.9 of 10"]),
        (["2 of 8 parts", "3 of 8 parts"], ["2 to 3 of 8 parts"]),
    ],
)
def test_told(methods, said):
    """Counts that differ become a range; anything else that differs is told apart."""
    assert told(methods) == said


@given(st.lists(st.text(), max_size=5))
def test_every_method_is_there(methods):
    """A text without digits is told as it is, once."""
    plain = ["".join(c for c in text if not c.isdigit() and c != "\x00") for text in methods]
    assert told(plain) == list(dict.fromkeys(plain))
