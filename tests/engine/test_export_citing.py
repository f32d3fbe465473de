"""What to cite: papers by their identifiers, measures with their versions, and gnomon."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest
from store_samples import FACTS, small_run

import gnomon
from gnomon import GnomonError
from gnomon.cli import cli
from gnomon.export.citing import citation
from gnomon.export.views import Chosen
from gnomon.store import Store

SPEC = 'measure = "{name}"\ncites = {cites}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two measures that share a paper, one in two versions, and one whose spec cites nothing."""
    path = tmp_path / "a.db"
    small_run(path, 1)
    with Store.open(path, write=True) as store:
        for name, version, cites in (
            ("first", 1, ["arXiv:2402.04105", "doi:10.1073/pnas_24"]),
            ("first", 2, ["arXiv:2402.04105"]),
            ("second", 1, ["arXiv:2402.04105"]),
        ):
            text = SPEC.format(name=name, cites=str(cites).replace("'", '"'))
            facts = attrs.evolve(
                FACTS, measure=name, version=version, spec_text=f"{text}# {version}"
            )
            store.begin_run(attrs.evolve(facts, title="50 % of {brace} & \\more\n_x_"))
            store.begin_run(attrs.evolve(facts, title="again", seed=9))
    return path


def test_bibtex(path: Path) -> None:
    """Each paper once, with what can fetch it; titles are safe in LaTeX."""
    text = citation(path, "bibtex", Chosen())
    assert re.findall(r"^@(\w+)\{([^,]+),", text, re.MULTILINE) == [
        ("software", "gnomon"),
        ("misc", "arXiv:2402.04105"),
        ("misc", "doi:10.1073-pnas-24"),
        ("misc", "gnomon:tiny-1"),
        ("misc", "gnomon:first-1"),
        ("misc", "gnomon:first-2"),
        ("misc", "gnomon:second-1"),
    ]
    assert (
        "  doi = {10.48550/arXiv.2402.04105},\n  url = {https://arxiv.org/abs/2402.04105},\n"
        in text
    )
    assert "  doi = {10.1073/pnas_24},\n" in text
    assert (
        r"title = {50 \% of \textbraceleft{}brace\textbraceright{} \& \textbackslash{}more \_x\_},"
        in text
    )
    assert f"  version = {{{gnomon.__version__}}}," in text
    assert text.count("{") == text.count("}")
    assert "first 1" in text.split("@misc{doi")[0]
    assert "second 1" in text.split("@misc{doi")[0]


def test_titles_and_identifiers_end_no_entry(tmp_path: Path) -> None:
    """A database comes from anyone: what stands in its specs stays a value, and acts on no terminal."""
    path = tmp_path / "a.db"
    with Store.open(path, write=True) as store:
        spec = "cites = ['doi:10.1/x}, title = {y} z', 'arXiv:2402.04105']"
        facts = attrs.evolve(FACTS, title="a \x1b[31m\x07 \u202eb\u202c} c \u05d0", spec_text=spec)
        store.begin_run(facts)
    text = citation(path, "bibtex", Chosen())
    assert "  doi = {10.1/x%7D,%20title%20=%20%7By%7D%20z}," in text
    assert "  url = {https://arxiv.org/abs/2402.04105}," in text
    assert "  title = {a [31m b\\textbraceright{} c \u05d0}," in text
    # As BibTeX reads it, which knows no backslash: braces are closed where the line of a field ends.
    for line in text.split("\n"):
        assert line.count("{") - line.count("}") == (line[:1] == "@") - (line == "}"), line
    assert re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text) is None
    assert [line for line in text.split("\n") if line.startswith("  title = {y}")] == []


def test_citation_file(path: Path) -> None:
    """YAML with the keys that the Citation File Format asks of a file and of its references."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    made = yaml.safe_load(citation(path, "citation", Chosen()))
    assert {"cff-version", "message", "title", "authors"} <= set(made)
    assert (made["cff-version"], made["type"]) == ("1.2.0", "software")
    for reference in made["references"]:
        assert {"type", "title", "authors"} <= set(reference)
        assert all(set(author) == {"name"} for author in reference["authors"])
    assert [one.get("doi") for one in made["references"]] == [
        "10.48550/arXiv.2402.04105", "10.1073/pnas_24", None, None, None, None,
    ]  # fmt: skip
    assert made["references"][3]["title"] == "50 % of {brace} & \\more\n_x_"


def test_only_what_was_chosen(path: Path, tmp_path: Path, capsys) -> None:
    """Of one measure; to standard output and into a file."""
    cli.main(
        args=["export", str(path), "--to", "bibtex", "--measure", "tiny"], standalone_mode=False
    )
    shown = capsys.readouterr().out
    assert re.findall(r"^@\w+\{([^,]+),", shown, re.MULTILINE) == ["gnomon", "gnomon:tiny-1"]
    out = tmp_path / "CITATION.cff"
    cli.main(args=["export", str(path), "--to", "citation", "-o", str(out)], standalone_mode=False)
    assert capsys.readouterr().out == f"{out}: written\n"
    assert out.read_text() == citation(path, "citation", Chosen())


def test_a_reference_of_another_form(tmp_path: Path) -> None:
    """Only what names a paper can be cited."""
    path = tmp_path / "a.db"
    with Store.open(path, write=True) as store:
        store.begin_run(attrs.evolve(FACTS, spec_text='cites = ["my paper"]'))
    with pytest.raises(GnomonError) as caught:
        citation(path, "bibtex", Chosen())
    assert str(caught.value) == "a spec cites 'my paper', which is neither arXiv:… nor doi:…"


def test_specs_that_ship_can_all_be_cited(root: Path, tmp_path: Path) -> None:
    """Their identifiers are of the two forms."""
    path = tmp_path / "a.db"
    with Store.open(path, write=True) as store:
        for spec in sorted((root / "specs").glob("*.toml")):
            store.begin_run(
                attrs.evolve(FACTS, measure=spec.stem, spec_text=spec.read_text("utf-8"))
            )
    text = citation(path, "bibtex", Chosen())
    assert text.count("@misc{") > len(list((root / "specs").glob("*.toml")))
