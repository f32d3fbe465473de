"""The backend my-thing: a program that answers, ones that do not, and the contract that every backend keeps."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import gnomon
import gnomon.testing
import pytest

from my_thing import MyThing


def program(folder: Path, code: str) -> str:
    """A model string's worth of a program with this code."""
    file = folder / "program.py"
    file.write_text(code, "utf-8")
    return shlex.join([sys.executable, str(file)])


def ask(text: str) -> gnomon.Chat:
    """One user message."""
    return gnomon.Chat(messages=(gnomon.Message("user", text),))


def test_the_prompt_goes_in_and_the_reply_comes_out(tmp_path: Path) -> None:
    """Whatever the prompt holds, it is data."""
    model = program(tmp_path, "import sys; print(sys.stdin.read().upper())")
    reply = MyThing(model=model).ask(ask("a; rm -rf $HOME `x` \u00e9"))
    assert (reply.status, reply.text) == ("ok", "USER: A; RM -RF $HOME `X` \u00c9")


@pytest.mark.parametrize(
    ("code", "sentence", "retry"),
    [
        ("raise SystemExit(3)", "ended with the code 3", True),
        ("import time; time.sleep(60)", "took more than 0.5 s", True),
    ],
)
def test_a_program_that_fails(tmp_path: Path, code: str, sentence: str, retry: bool) -> None:
    """A sentence without what the program wrote, and whether to try again."""
    with pytest.raises(gnomon.CallFailed, match=f"{re.escape(sentence)}$") as caught:
        MyThing(model=program(tmp_path, code), timeout=0.5 if "sleep" in code else 30).ask(ask("x"))
    assert (caught.value.retry, caught.value.fatal) == (retry, False)


def test_a_program_that_is_not_there() -> None:
    """No further call would do better."""
    with pytest.raises(
        gnomon.CallFailed, match=r"^there is no program 'no-such-program'$"
    ) as caught:
        MyThing(model="no-such-program").ask(ask("x"))
    assert caught.value.fatal


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    """Documented, light to import, honest about what it can do."""
    model = program(tmp_path, "print('yes')")
    gnomon.testing.assert_conforms(MyThing, instance=MyThing(model=model))
