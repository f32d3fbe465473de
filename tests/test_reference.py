"""The generated pages are what the classes say now; the schema allows what the loader allows."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gnomon.catalogue import KINDS, Catalogue
from gnomon.cli import main
from gnomon.reference.pages import pages
from gnomon.reference.schema import json_schema
from gnomon.reference.specs import BLOCKS
from gnomon.structure import describe_options

ROOT = Path(__file__).resolve().parents[1]
WRONG = ROOT / "tests" / "engine" / "wrong_specs"
SEEN = ("unknown key", "missing key", "expected ")
"""Faults that a schema can see: names and types."""


@cache
def made() -> dict[str, str]:
    return dict(pages(ROOT))


@cache
def validator() -> Any:
    schema = json_schema(Catalogue())
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize(
    "page",
    ["docs/spec.md", "docs/spec.schema.json", "docs/plugins.md", "docs/messages.md", "docs/store.md",
     "specs/README.md"],
)  # fmt: skip
def test_no_page_has_drifted(page: str) -> None:
    """A page that differs from what would be written now is out of date: run scripts/generate."""
    assert (ROOT / page).read_text("utf-8") == made()[page], (
        f"{page} is out of date; run scripts/generate"
    )


def test_every_page_is_tested() -> None:
    """No page is generated that the test above does not know."""
    assert len(made()) == 6


def test_every_key_stands_in_the_reference() -> None:
    """Each block with all of its keys, and a meaning for each."""
    for block in BLOCKS.values():
        section = made()["docs/spec.md"].split(f"## {block.heading}\n")[1].split("\n## ")[0]
        for option in describe_options(block.cls):
            assert re.search(rf"^\| `{option.name}` \| .* \| .* \| .+ \|$", section, re.M), option


def test_every_plugin_stands_in_the_reference() -> None:
    """Under its kind, with its example."""
    page = made()["docs/plugins.md"]
    found = Catalogue()
    for kind in KINDS:
        for name, plugin in found.of_kind(kind).items():
            if plugin.provider.origin.startswith("gnomon "):
                assert f"\n### {name}\n" in page


@pytest.mark.parametrize("path", sorted(WRONG.glob("*.txt")), ids=lambda path: path.stem)
def test_messages_are_those_that_are_said(path: Path) -> None:
    """Whatever the loader says of a wrong spec is among the messages, gaps filled in."""
    said = [line.split(": ", 1)[1] for line in path.read_text("utf-8").splitlines() if ": " in line]
    known = patterns()
    for sentence in said:
        flat = " ".join(sentence.split())
        if re.search(r"must be [<>]=? [0-9.]+: |^'probing' ", flat):
            continue  # a validator of attrs says so, or a plugin of the tests
        assert any(pattern.search(flat) for pattern in known), sentence


@cache
def patterns() -> list[re.Pattern[str]]:
    rows = re.findall(r"^\| (.*) \| `[\w.]+` \|$", made()["docs/messages.md"], re.M)
    texts = [row.replace("\\|", "|").strip() for row in rows]
    return [re.compile(".*".join(map(re.escape, text.split("…"))), re.S) for text in texts]


def measures() -> list[Path]:
    return sorted((ROOT / "specs").glob("*.toml"))


@pytest.mark.parametrize("path", measures(), ids=lambda path: path.stem)
def test_the_schema_allows_shipped_measures(path: Path) -> None:
    """An editor underlines nothing in them."""
    faults = [
        f"{'.'.join(map(str, fault.absolute_path))}: {fault.message}"
        for fault in validator().iter_errors(tomllib.loads(path.read_text("utf-8")))
    ]
    assert faults == []


def test_the_schema_allows_templates() -> None:
    """Those that need no plugin of their own."""
    folder = ROOT / "plugins" / "gnomon_plugins" / "templates"
    for name in ("measure", "questionnaire", "procedure"):
        (path,) = (one for one in (folder / name).glob("my-thing*.toml"))
        data = tomllib.loads(path.read_text("utf-8"))
        if name == "procedure":
            del data["procedure"]
        assert list(validator().iter_errors(data)) == []


@pytest.mark.parametrize("path", sorted(WRONG.glob("*.toml")), ids=lambda path: path.stem)
def test_the_schema_sees_wrong_names_and_types(path: Path) -> None:
    """Where the loader finds an unknown or missing key or a wrong type, so does the schema."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        return
    said = path.with_suffix(".txt").read_text("utf-8")
    plain = [line for line in said.splitlines() if any(word in line for word in SEEN)]
    shown = [line for line in plain if "finite" not in line and "template" not in line]
    if shown and all("unknown key" in line or "missing key" in line for line in plain):
        assert list(validator().iter_errors(data)), said


def test_the_schema_knows_plugins_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``gnomon describe schema --plugin FILE`` offers the plugin's name and options."""
    monkeypatch.chdir(tmp_path)
    for words in (["new", "scorer", "own-one"], ["describe", "schema", "--plugin", "own_one.py"]):
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(words)
        assert not end.value.code
    import json

    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft7Validator.check_schema(schema)
    block = schema["properties"]["score"]["items"]
    assert "own-one" in block["properties"]["use"]["enum"]
    (case,) = (
        one for one in block["allOf"] if one["if"]["properties"]["use"]["const"] == "own-one"
    )
    assert (
        case["then"]["properties"]["low"]["description"]
        == "The least number that counts as an answer."
    )


def test_the_diagram_names_every_table_that_refers_to_another() -> None:
    """And only tables that there are."""
    page = made()["docs/store.md"]
    tables = set(re.findall(r"^### (\w+)$", page.split("## Tables")[1], re.M))
    pairs = re.findall(r'^    (\w+) \|\|--o\{ (\w+) : "(\w+)"$', page, re.M)
    assert {"trial", "ask", "reply", "score", "estimate"} <= {child for _, child, _ in pairs}
    assert {name for pair in pairs for name in pair[:2]} <= tables
