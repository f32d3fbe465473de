"""Finding, loading and freeing a local model, and what is said when that fails."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gnomon import Chat, Decoding, Message, ModelError
from gnomon_plugins.backends.local import Local

HI = Chat(messages=(Message("user", "Say hi."),), decoding=Decoding(max_tokens=3))


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            "smollm-135m",
            "the local backend knows no model 'smollm-135m' (did you mean 'smollm2-135m'?); "
            "it knows: smollm2-135m (or give the path of a .gguf file)",
        ),
        ("no/such.gguf", "there is no model file 'no/such.gguf'"),
        ("modle.gguf", "there is no model file 'modle.gguf' (did you mean 'model.gguf'?)"),
        (
            "text.gguf",
            "'text.gguf' is not a GGUF file (it begins with b'Once'); "
            "llama.cpp loads models in GGUF, often found as NAME.Q4_K_M.gguf",
        ),
    ],
)
def test_a_model_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, message: str
) -> None:
    """Names and files are looked up before anything is loaded."""
    monkeypatch.chdir(tmp_path)
    Path("model.gguf").write_bytes(b"GGUF")
    Path("text.gguf").write_text("Once upon a time")
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        Local(model=model)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("slots", 0, "slots is 0; it must be at least 1"),
        ("context", 8, "context is 8; it must be at least 16"),
        ("threads", -1, "threads is -1; it must be at least 0"),
    ],
)
def test_an_option_out_of_range(option: str, value: int, message: str) -> None:
    """Each option has its least value."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Local(model="smollm2-135m", **{option: value})  # type: ignore[arg-type]


def test_pulling_an_unknown_model() -> None:
    """The nearest name and the list are shown."""
    message = (
        "the local backend can pull no model 'smollm2' (did you mean 'smollm2-135m'?); "
        "it can pull: smollm2-135m"
    )
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        Local.pull("smollm2")


def test_a_broken_file_shows_what_llama_cpp_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The last lines of llama.cpp are in the error, and nothing of it on the terminal."""
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelError) as caught:
        Local(model=str(path)).prepare(print)
    first, *rest = str(caught.value).splitlines()
    assert first == (
        f"llama.cpp cannot load {str(path)!r}: "
        "Failed to init server, please check the input params."
    )
    assert 1 <= len(rest) <= 4
    assert any("failed to load model" in line for line in rest)
    assert capfd.readouterr().err == ""


def test_without_xllamacpp_it_is_said_how_to_get_it(tmp_path: Path) -> None:
    """The package is missed only when a model is loaded."""
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF")
    done = _run(
        "import sys; sys.modules['xllamacpp'] = None\n"
        "from gnomon_plugins.backends.local import Local\n"
        f"model = Local(model={str(path)!r})\n"
        "try: model.prepare(print)\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    assert done.stdout.strip() == (
        "ModelError the local backend needs the package xllamacpp, which cannot be imported "
        "(import of xllamacpp halted; None in sys.modules); "
        "install it with: pip install xllamacpp"
    )


def test_making_a_backend_imports_nothing_heavy() -> None:
    """Listing, describing and binding do not load llama.cpp or numpy."""
    done = _run(
        "import sys\n"
        "from gnomon_plugins.backends.local import Local\n"
        "model = Local(model='smollm2-135m'); model.offers; Local.models()\n"
        "print(sorted({'xllamacpp', 'numpy', 'filelock'} & set(sys.modules)))"
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.local_model
@pytest.mark.parametrize("ending", ["model.close()", "", "model.close(); model.ask(hi)"])
def test_the_process_ends_quietly(local_model: Local, ending: str) -> None:
    """With or without ``close`` the exit code is 0 and standard error is empty."""
    path = local_model.models()[0].path
    done = _run(
        "from gnomon import *\n"
        "from gnomon_plugins.backends.local import Local\n"
        "hi = Chat(messages=(Message('user', 'Hi'),), decoding=Decoding(max_tokens=2))\n"
        f"model = Local(model={path!r}, slots=1, context=256)\n"
        f"print(model.ask(hi).tokens_out)\n{ending}"
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "2", "")


@pytest.mark.local_model
def test_any_file_works_and_is_known_by_its_edges(local_model: Local) -> None:
    """A path loads like a name; its fingerprint is another, because it is a quick one."""
    path = local_model.models()[0].path
    model = Local(model=str(path), slots=1, context=256)
    try:
        assert model.ask(HI).tokens_out == 3
    finally:
        model.close()
    assert model.offers.free_format is True
    assert local_model.offers.free_format is False
    assert str(model.identity["weights"]).startswith("edges:98362432-")
    assert local_model.identity == {
        "weights": "sha256:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "quantisation": "Q4_1",
        "xllamacpp": model.identity["xllamacpp"],
    }


@pytest.mark.local_model
def test_a_backend_travels_without_its_model(local_model: Local) -> None:
    """A pickled backend is equal and loads the model anew where it arrives."""
    copy = pickle.loads(pickle.dumps(local_model))
    assert copy == local_model
