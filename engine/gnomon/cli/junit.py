"""JUnit's XML, which servers that run tests read.

One invariant: the file is well-formed whatever a name or a sentence holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import attrs

from gnomon.cli.terminal import visible
from gnomon.errors import UsageError
from gnomon.store import opening


@attrs.frozen(kw_only=True)
class Case:
    """One test.

    Attributes:
        name: What is held to be so.
        suite: What it is about: a measure and a model.
        seconds: How long it took, where that means anything.
        failure: What is not so, as a sentence; None when it is.
        said: What was found.
    """

    name: str
    suite: str
    seconds: float = 0.0
    failure: str | None = None
    said: str = ""


def check_place(path: Path | None, database: Path) -> None:
    """Refuse a place that cannot be written, before anything is asked.

    Raises:
        UsageError: It is a folder, in none, or a database.
    """
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"--junit {path}: this is a folder; give a file in it")
    if not path.resolve().parent.is_dir():
        raise UsageError(f"--junit {path}: the folder {path.parent} does not exist; make it first")
    opening.check_place(path, database)


def write_junit(path: Path, cases: Sequence[Case]) -> None:
    """Write the cases, a suite for each thing they are about.

    Raises:
        UsageError: The file cannot be written.
    """
    root = ET.Element("testsuites", _counts(cases))
    suites: dict[str, list[Case]] = {}
    for case in cases:
        suites.setdefault(case.suite, []).append(case)
    for name, held in suites.items():
        suite = ET.SubElement(root, "testsuite", {"name": _text(name), **_counts(held)})
        for case in held:
            attributes = {"classname": _text(name), "name": _text(case.name)}
            one = ET.SubElement(suite, "testcase", {**attributes, "time": f"{case.seconds:.3f}"})
            if case.failure is not None:
                failed = ET.SubElement(one, "failure", {"message": _text(case.failure)})
                failed.text = _text(case.failure)
            if case.said:
                ET.SubElement(one, "system-out").text = _text(case.said)
    ET.indent(root)
    try:
        path.write_bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
    except OSError as error:
        raise UsageError(f"--junit {path}: it cannot be written: {error.strerror}") from None


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    failed = sum(case.failure is not None for case in cases)
    seconds = sum(case.seconds for case in cases)
    return {
        "tests": str(len(cases)),
        "failures": str(failed),
        "errors": "0",
        "time": f"{seconds:.3f}",
    }


def _text(text: str) -> str:
    # XML has no way to write most control characters, and two of what UTF-8 can say.
    return visible(text, lines=True).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
