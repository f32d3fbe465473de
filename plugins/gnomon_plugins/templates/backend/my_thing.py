"""The backend ``my-thing``: a program that reads a prompt from its input and writes the reply to its output.

One invariant: the prompt is never part of a command line and no shell is involved, so that nothing that is
asked or answered can be run.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from typing import ClassVar

import attrs
import gnomon


@attrs.frozen(kw_only=True)
class MyThing:
    """Answers with what a program prints: ``my-thing:PROGRAM ARGUMENTS``.

    The conversation goes to the program's standard input, one message after the other, each behind who said
    it. Keys and other secrets stay in the environment; a model string is stored with every run.

    Example::

        gnomon run my-measure.toml --model "my-thing:cat"

    Attributes:
        model: The program and its arguments, split as a shell would, run without one.
        timeout: Seconds after which a call is given up.
        calls: Programs that run at once.
        release: What else decides a reply, such as the program's version; another one asks anew.
    """

    name: ClassVar[str] = "my-thing"
    # What any model of this backend may be able to do: named in errors when another model lacks it.
    may: ClassVar[gnomon.Capability] = gnomon.Capability(kinds=("chat",))

    model: str
    timeout: float = 120.0
    calls: int = 4
    release: str = ""

    def __attrs_post_init__(self) -> None:
        if not shlex.split(self.model):
            raise ValueError("the model is the program to run, such as my-thing:cat")
        if not self.timeout > 0:
            raise ValueError(f"'timeout' is {self.timeout:g}; it is above 0")
        if self.calls < 1:
            raise ValueError(f"'calls' is {self.calls}; it is at least 1")

    @property
    def offers(self) -> gnomon.Capability:
        """Free text only. Known without starting the program, and checked before the first call."""
        return gnomon.Capability(
            kinds=("chat",), prefill=False, seed=False, concurrency=self.calls, blocking=True
        )

    @property
    def identity(self) -> Mapping[str, str]:
        """What beside name, model and options decides a reply; a change makes stored replies stale."""
        return {"release": self.release} if self.release else {}

    def ask(self, ask: gnomon.Ask) -> gnomon.Reply:
        """What the program prints.

        Raises:
            CallFailed: There is no such program, it took too long, or it ended with an error. ``retry`` says
                whether the same call may succeed later, ``fatal`` that no other will either.
        """
        if not isinstance(ask, gnomon.Chat):
            raise gnomon.CallFailed(
                f"my-thing answers asks of kind 'chat', not {ask.kind!r}", fatal=True
            )
        prompt = "\n\n".join(f"{message.role}: {message.content}" for message in ask.messages)
        command = shlex.split(self.model)
        try:
            done = subprocess.run(  # noqa: S603 - the program that the user named, without a shell
                command,
                input=prompt.encode("utf-8", "replace"),
                capture_output=True,
                timeout=self.timeout,
                check=False,
                env={**os.environ, "PYTHONUTF8": "1"},
            )
        except FileNotFoundError:
            raise gnomon.CallFailed(f"there is no program {command[0]!r}", fatal=True) from None
        except OSError as error:
            raise gnomon.CallFailed(
                f"the program {command[0]!r} cannot be run: {error.strerror}", fatal=True
            ) from None
        except subprocess.TimeoutExpired:
            raise gnomon.CallFailed(
                f"the program {command[0]!r} took more than {self.timeout:g} s", retry=True
            ) from None
        if done.returncode:
            # Only the code: what a program writes when it fails may hold a secret.
            raise gnomon.CallFailed(
                f"the program {command[0]!r} ended with the code {done.returncode}", retry=True
            )
        return gnomon.Reply(
            text=done.stdout.decode("utf-8", "replace").strip(), finish="stop", model=self.model
        )


@gnomon.hookimpl
def register_backends() -> Iterable[type]:
    """What this file offers."""
    return [MyThing]
