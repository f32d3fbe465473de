"""Published words and vectors for the tests of this folder, and the path to shared helpers."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from shared_data import shared_data


@pytest.fixture(scope="session")
def reference():
    """The folder of reference vectors and lists, or a skip that says what is missing."""
    data = shared_data()
    if data is None or not (data / "reference" / "weat_lists.json").is_file():
        pytest.skip("the published vectors are not here (../shared/data or GNOMON_SHARED_DATA)")
    return data / "reference"


@pytest.fixture(scope="session")
def lists(reference):
    """WEAT1 … WEAT10 → sets X, Y, A, B of words."""
    return json.loads((reference / "weat_lists.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def glove_840b(reference):
    """Word → vector of shape (300,), case kept."""
    text = (reference / "glove840b_cbn457_vectors.json").read_text("utf-8")
    return {word: np.array(vector) for word, vector in json.loads(text).items()}


@pytest.fixture(scope="session")
def glove_6b(reference):
    """Lower-case word → vector of shape (100,)."""
    text = (reference / "wink_weat_vectors.json").read_text("utf-8")
    return {word.lower(): np.array(vector) for word, vector in json.loads(text).items()}
