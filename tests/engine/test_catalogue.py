"""The catalogue: who offers what, and what is said when something does not fit."""

from __future__ import annotations

import importlib.metadata
import sys
import textwrap
import types
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

import gnomon
from gnomon import CatalogueError
from gnomon.catalogue import KINDS, Catalogue, module_of

HOOKS = (
    "register_backends, register_corrections, register_executors, register_procedures, "
    "register_scorers, register_sources, register_specs, register_statistics, register_templates"
)


def scorer(name: object = "shout", **members: object) -> type:
    """A scorer class made on the spot."""
    return type("Shout", (), {"name": name, "score": lambda self, record: None, **members})


def module(**hooks: Callable[..., object]) -> types.ModuleType:
    """A module with these functions as its hooks."""
    made = types.ModuleType("stranger")
    for name, hook in hooks.items():
        hook.__module__ = "stranger"
        setattr(made, name, hook)
    return made


def offers(*classes: object) -> types.ModuleType:
    """A module whose scorers are these."""

    def register_scorers() -> Iterable[object]:
        return classes

    return module(register_scorers=gnomon.hookimpl(register_scorers))


def bare(**modules: object) -> Catalogue:
    """A catalogue without any entry point."""
    return Catalogue(entry_points=(), modules=modules)


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(CatalogueError) as caught:
        act()
    return str(caught.value)


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs a stranger's distribution: a module and a dist-info with an entry point on sys.path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(source: str, *, module: str = "stranger_pkg", entry: str = "stranger.scorers",
                name: str = "stranger-dist") -> None:  # fmt: skip
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source), "utf-8")
        info = tmp_path / f"{name.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n", "utf-8"
        )
        (info / "entry_points.txt").write_text(f"[gnomon]\n{entry} = {module}\n", "utf-8")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


SHOUT = '''
    import gnomon

    class Shout:
        """Counts capital letters."""
        name = "{name}"

        def score(self, record):
            return gnomon.Score(name=self.name, value=0.0)

    @gnomon.hookimpl
    def register_scorers():
        return [Shout]
'''


class TestStrangers:
    """A stranger's distribution is on an equal footing with ours."""

    def test_a_strangers_plugin_is_offered(self, stranger) -> None:
        """An entry point is all it takes, and its owner is told."""
        stranger(SHOUT.replace("{name}", "shout"))
        plugin = Catalogue().get("scorers", "shout")
        assert plugin.provider.origin == "stranger-dist 1.2"
        assert plugin.provider.name == "stranger.scorers"
        assert module_of(plugin.cls).__name__ == "stranger_pkg"

    def test_a_clash_with_ours_names_both_owners(self, stranger) -> None:
        """Neither wins: the number would depend on what else is installed."""
        ours = next(iter(sorted(Catalogue().of_kind("executors"))))
        source = SHOUT.replace("{name}", ours).replace("scorers", "executors")
        stranger(source.replace("def score", "def open"), entry="stranger.executors")
        version = importlib.metadata.version("gnomon")
        assert refused(lambda: Catalogue().of_kind("executors")) == (
            f"two plugins offer the executor {ours!r}: gnomon {version} and stranger-dist 1.2; "
            "remove one of them, or rename its class"
        )

    def test_a_plugin_that_raises_on_import_hurts_nobody_else(self, stranger) -> None:
        """Others work; its traceback is shown where a name is missing, and by ``failures``."""
        stranger("raise RuntimeError('no such luck')")
        catalogue = Catalogue(modules={"good": offers(scorer())})
        assert catalogue.get("scorers", "shout").name == "shout"
        (failed,) = catalogue.failures()
        assert failed.name == "stranger.scorers"
        assert "RuntimeError: no such luck" in (failed.failure or "")
        known = ", ".join(sorted(catalogue.of_kind("scorers")))
        message = refused(lambda: catalogue.get("scorers", "shoot"))
        head, _, tail = message.partition(":\n")
        assert head == (
            f"there is no scorer 'shoot' (did you mean 'shout'?); there are: {known}\n"
            "the plugin 'stranger.scorers' of stranger-dist 1.2 failed to load and may be the one "
            "that offers it"
        )
        assert tail.splitlines()[-1] == "    RuntimeError: no such luck"
        assert "stranger_pkg.py" in tail

    def test_a_plugin_that_exits_on_import_stops_nothing(self, stranger) -> None:
        """``sys.exit`` in a stranger's module is a failed import like any other."""
        stranger("raise SystemExit('bye')")
        catalogue = Catalogue(modules={"good": offers(scorer())})
        assert "shout" in catalogue.of_kind("scorers")
        assert [failed.name for failed in catalogue.failures()] == ["stranger.scorers"]

    def test_listing_one_kind_imports_only_that_kind(self, stranger) -> None:
        """An entry point that ends in a kind is not imported for another."""
        stranger(SHOUT.replace("{name}", "shout"))
        catalogue = Catalogue()
        catalogue.of_kind("backends")
        assert "stranger_pkg" not in sys.modules
        catalogue.of_kind("scorers")
        assert "stranger_pkg" in sys.modules

    def test_an_entry_point_of_any_other_name_serves_all_kinds(self, stranger) -> None:
        """A plugin of several kinds needs one entry point."""
        stranger(SHOUT.replace("{name}", "shout"), entry="everything")
        assert "shout" in Catalogue().of_kind("scorers")

    def test_the_command_line_says_what_failed(self, stranger, run_gnomon) -> None:
        """``gnomon plugins`` shows the traceback; ``--help`` does not care."""
        stranger("1/0")
        assert run_gnomon("--help").returncode == 0
        shown = run_gnomon("plugins")
        assert shown.returncode == 0
        assert "stranger.scorers of stranger-dist 1.2 failed to load:" in shown.stdout
        assert "ZeroDivisionError: division by zero" in shown.stdout


class TestHooks:
    """Hooks that do not fit are refused, never ignored."""

    def test_a_misspelt_hook_is_refused(self) -> None:
        """Marked, but of a name that nobody calls."""

        def register_scorer() -> list[type]:
            return []

        made = module(register_scorer=gnomon.hookimpl(register_scorer))
        assert refused(lambda: bare(mine=made)) == (
            "the plugin 'mine' of module mine has an unknown hook 'register_scorer' (did you mean "
            f"'register_scorers'?); there are: {HOOKS}"
        )

    def test_an_unmarked_hook_is_refused(self) -> None:
        """The right name without the mark would be ignored in silence."""

        def register_scorers() -> list[type]:
            return []

        assert refused(lambda: bare(mine=module(register_scorers=register_scorers))) == (
            "the hook 'register_scorers' of the plugin 'mine' of module mine is not marked; put "
            "'@gnomon.hookimpl' above it"
        )

    def test_an_unmarked_misspelt_hook_is_refused(self) -> None:
        """Neither marked nor known."""

        def register_scoers() -> list[type]:
            return []

        assert refused(lambda: bare(mine=module(register_scoers=register_scoers))) == (
            "the plugin 'mine' of module mine has an unknown hook 'register_scoers' (did you mean "
            f"'register_scorers'?); there are: {HOOKS}"
        )

    def test_a_hook_with_arguments_is_refused(self) -> None:
        """Hooks take nothing."""

        def register_scorers(config: object) -> list[type]:
            return []

        made = module(register_scorers=gnomon.hookimpl(register_scorers))
        assert refused(lambda: bare(mine=made)) == (
            "the hook 'register_scorers' of the plugin 'mine' of module mine takes an argument "
            "'config'; hooks take none"
        )

    def test_a_hook_that_raises_hurts_nobody_else(self) -> None:
        """As a failed import: kept with its traceback, shown on need."""

        def register_scorers() -> list[type]:
            raise OSError("disk on fire")

        made = module(register_scorers=gnomon.hookimpl(register_scorers))
        catalogue = bare(bad=made, good=offers(scorer()))
        assert list(catalogue.of_kind("scorers")) == ["shout"]
        message = refused(lambda: catalogue.get("scorers", "zzz"))
        assert message.startswith(
            "there is no scorer 'zzz'; there are: shout\nthe plugin 'bad' of module bad failed to "
            "load and may be the one that offers it:\n"
        )
        assert message.endswith("    OSError: disk on fire")


class TestClasses:
    """What a hook returns has the form of its kind."""

    @pytest.mark.parametrize("name", ["Shout", "sh out", "", None, 3, "1st", "a_b", "über"])
    def test_a_name_specs_cannot_write_is_refused(self, name) -> None:
        """Names are lower-case letters, digits and hyphens."""
        assert refused(lambda: bare(mine=offers(scorer(name))).of_kind("scorers")) == (
            "the scorer 'Shout' of module mine needs a class attribute 'name' of lower-case "
            f"letters, digits and hyphens; it has {name!r}"
        )

    @pytest.mark.parametrize("kind", sorted(KINDS))
    def test_a_class_without_the_method_is_refused(self, kind: str) -> None:
        """Each kind has one method, named in the sentence."""
        singular, method = KINDS[kind]
        article = "an" if singular[0] in "aeiou" else "a"
        hook = lambda: [type("Empty", (), {"name": "empty"})]  # noqa: E731 - its name is made below
        hook.__name__ = f"register_{kind}"
        made = module(**{f"register_{kind}": gnomon.hookimpl(hook)})
        assert article
        assert refused(lambda: bare(mine=made).of_kind(kind)) == (
            f"the {singular} 'Empty' of module mine has no method {method!r}, which every "
            f"{singular} has"
        )

    def test_an_instance_is_refused(self) -> None:
        """Hooks return classes, since options make the instances."""
        one = scorer()()
        assert refused(lambda: bare(mine=offers(one)).of_kind("scorers")) == (
            "the scorer 'Shout' of module mine is not a class; hooks return classes"
        )

    def test_two_of_one_name_are_refused(self) -> None:
        """Both owners are named."""
        catalogue = bare(one=offers(scorer()), two=offers(scorer()))
        assert refused(lambda: catalogue.of_kind("scorers")) == (
            "two plugins offer the scorer 'shout': module one and module two; remove one of them, "
            "or rename its class"
        )

    def test_the_same_class_twice_is_no_clash(self) -> None:
        """One class offered through two doors is one plugin."""
        cls = scorer()
        assert list(bare(one=offers(cls), two=offers(cls)).of_kind("scorers")) == ["shout"]

    def test_one_name_in_two_kinds_is_no_clash(self) -> None:
        """Kinds are apart: a source may be called what a scorer is called."""
        source = type("Words", (), {"name": "shout", "items": lambda self, around: ()})

        def register_sources() -> list[type]:
            return [source]

        made = module(register_sources=gnomon.hookimpl(register_sources))
        catalogue = bare(one=offers(scorer()), two=made)
        assert set(catalogue.of_kind("sources")) == set(catalogue.of_kind("scorers")) == {"shout"}

    def test_an_unknown_name_shows_the_list(self) -> None:
        """Nothing near: the list alone; nothing there: ``none``."""
        catalogue = bare(one=offers(scorer()))
        assert refused(lambda: catalogue.get("scorers", "zebra")) == (
            "there is no scorer 'zebra'; there are: shout"
        )
        assert refused(lambda: catalogue.get("sources", "zebra")) == (
            "there is no source 'zebra'; there are: none"
        )


class TestFiles:
    """``--plugin FILE.py``: one file is a whole plugin."""

    def test_a_file_is_a_plugin(self, tmp_path: Path) -> None:
        """attrs classes in it work, because its module can be found by name."""
        path = tmp_path / "my scorer.py"
        path.write_text(textwrap.dedent(SHOUT.replace("{name}", "shout")), "utf-8")
        plugin = Catalogue(entry_points=(), files=[path]).get("scorers", "shout")
        assert plugin.provider.origin == f"file {path}"

    def test_two_files_of_one_name_do_not_mix(self, tmp_path: Path) -> None:
        """The same file name in two folders is two modules."""
        paths = []
        for name in ("one", "two"):
            path = tmp_path / name / "scorer.py"
            path.parent.mkdir()
            path.write_text(textwrap.dedent(SHOUT.replace("{name}", name)), "utf-8")
            paths.append(path)
        found = Catalogue(entry_points=(), files=paths).of_kind("scorers")
        assert set(found) == {"one", "two"}
        assert module_of(found["one"].cls) is not module_of(found["two"].cls)
        assert module_of(found["one"].cls).Shout is found["one"].cls

    def test_the_same_file_twice_is_once(self, tmp_path: Path) -> None:
        """Given twice, by two spellings of its path, it is loaded once."""
        path = tmp_path / "scorer.py"
        path.write_text(textwrap.dedent(SHOUT.replace("{name}", "shout")), "utf-8")
        again = tmp_path / "." / "scorer.py"
        assert "shout" in Catalogue(entry_points=(), files=[path, again]).of_kind("scorers")

    def test_a_missing_file_is_a_sentence(self, tmp_path: Path) -> None:
        """What was looked for is told."""
        path = tmp_path / "gone.py"
        assert refused(lambda: Catalogue(entry_points=(), files=[path])) == (
            f"there is no plugin file {str(path)!r}"
        )

    def test_a_file_that_is_not_python_is_a_sentence(self, tmp_path: Path) -> None:
        """Only *.py files hold plugins."""
        path = tmp_path / "scorer.txt"
        path.write_text("", "utf-8")
        assert refused(lambda: Catalogue(entry_points=(), files=[path])) == (
            f"the plugin file {str(path)!r} is not a Python file (*.py)"
        )

    def test_a_file_that_raises_is_told_at_once(self, tmp_path: Path) -> None:
        """The user named it, so it is needed: the end of the traceback is shown."""
        path = tmp_path / "bad.py"
        path.write_text("x = 1\nraise ValueError('wrong day')\n", "utf-8")
        message = refused(lambda: Catalogue(entry_points=(), files=[path]))
        assert message.startswith(f"the plugin file {str(path)!r} failed to load:\n")
        assert message.endswith("    ValueError: wrong day")
        assert "line 2" in message

    def test_a_file_with_a_syntax_error_is_told_at_once(self, tmp_path: Path) -> None:
        """So is a file that does not compile."""
        path = tmp_path / "bad.py"
        path.write_text("def f(:\n", "utf-8")
        message = refused(lambda: Catalogue(entry_points=(), files=[path]))
        assert message.startswith(f"the plugin file {str(path)!r} failed to load:\n")
        assert message.endswith("    SyntaxError: invalid syntax")

    def test_a_file_without_a_hook_is_refused(self, tmp_path: Path) -> None:
        """A file that offers nothing was given by mistake."""
        path = tmp_path / "empty.py"
        path.write_text("x = 1\n", "utf-8")
        assert refused(lambda: Catalogue(entry_points=(), files=[path])) == (
            f"the plugin file {str(path)!r} offers nothing; it needs a hook such as "
            "register_scorers, marked '@gnomon.hookimpl'"
        )


class TestMeasures:
    """Measures are found by name through plugins, or by path."""

    def specs(self, folder: Path, *names: str) -> types.ModuleType:
        folder.mkdir()
        for name in names:
            (folder / f"{name}.toml").write_text("", "utf-8")

        def register_specs() -> list[Path]:
            return [folder]

        return module(register_specs=gnomon.hookimpl(register_specs))

    def test_a_measure_is_found_by_name_and_by_path(self, tmp_path: Path) -> None:
        """Both ways lead to the file."""
        catalogue = bare(one=self.specs(tmp_path / "a", "mood", "memory"))
        assert sorted(catalogue.measures()) == ["memory", "mood"]
        assert catalogue.find_measure("mood") == tmp_path / "a" / "mood.toml"
        path = str(tmp_path / "a" / "mood.toml")
        assert catalogue.find_measure(path) == Path(path)

    def test_an_unknown_measure_names_the_nearest(self, tmp_path: Path) -> None:
        """And says that a path would do as well."""
        catalogue = bare(one=self.specs(tmp_path / "a", "mood", "memory"))
        assert refused(lambda: catalogue.find_measure("moods")) == (
            "there is no measure 'moods' (did you mean 'mood'?); there are: memory, mood (or give "
            "the path of a .toml file)"
        )
        assert (
            refused(lambda: catalogue.find_measure("./moods.toml"))
            == "there is no spec file './moods.toml'"
        )

    def test_two_measures_of_one_name_are_refused(self, tmp_path: Path) -> None:
        """Both owners and both files are named, and the way out."""
        one = self.specs(tmp_path / "a", "mood")
        two = self.specs(tmp_path / "b", "mood")
        assert refused(lambda: bare(one=one, two=two).measures()) == (
            f"two plugins offer the measure 'mood': module one ({tmp_path / 'a' / 'mood.toml'}) and "
            f"module two ({tmp_path / 'b' / 'mood.toml'}); run one of them by its path"
        )
