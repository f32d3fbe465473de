"""Rules that hold for the whole tree: what may name what, import what, and weigh how much."""

from __future__ import annotations

import ast
import csv
import importlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import attrs
import click
import pytest

import gnomon
from gnomon.catalogue import KINDS, Catalogue
from gnomon.cli import COMMANDS
from gnomon.structure import describe_options

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "engine" / "gnomon"
PLUGINS = ROOT / "plugins" / "gnomon_plugins"
SPECS = ROOT / "specs"


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def none(found: Iterable[str]) -> None:
    """Fail with one line for each thing found."""
    lines = list(found)
    assert not lines, "\n".join(["", *lines[:40], *(["…"] if len(lines) > 40 else [])])


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imports(path: Path) -> Iterator[tuple[str, str | None]]:
    """(module, name) for every import of a file, those inside functions and strings of type hints too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)} imports relatively; give the full name"
            yield from ((node.module or "", alias.name) for alias in node.names)


# -- what the core may name ----------------------------------------------------------------------

GENERIC = {
    "agreement": "raters agree, and reliability says how much",
    "ab": "letters that spell an order, in the reference of [[design.draw]]",
    "ba": "as ab",
    "choice": "the kind of option that click calls so",
    "count": "counts are everywhere",
    "exact": "a probability is exact or sampled, by the contract of choose",
    "field": "an item has fields",
    "file": "files are read everywhere",
    "http": "how addresses begin",
    "items": "the contract's word",
    "length": "texts have lengths",
    "list": "a command, and a type",
    "local": "an adjective",
    "mean": "did_you_mean, and pooling",
    "plain": "an adjective",
    "planted": "what a planted respondent is, whose answers scorers write",
    "range": "numbers have ranges",
    "refusal": "statistics refuse to estimate, and replies are refused",
    "replay": "what imported replies are filed under in the place of the backend that was asked",
    "sentence": "errors are sentences",
    "sign": "percent sign, equals sign",
    "table": "terminals and databases have tables",
    "text": "the contract's word",
    "vectors": "what embed and hidden bring",
    "words": "prose is made of them",
}
"""Names of plugins and levels that are ordinary words too, and where the core needs the word."""

LANGUAGES = [
    "arabic",
    "bengali",
    "chinese",
    "czech",
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "greek",
    "hebrew",
    "hindi",
    "hungarian",
    "indonesian",
    "italian",
    "japanese",
    "korean",
    "latin",
    "mandarin",
    "norwegian",
    "persian",
    "polish",
    "portuguese",
    "romanian",
    "russian",
    "spanish",
    "swahili",
    "swedish",
    "tamil",
    "thai",
    "turkish",
    "ukrainian",
    "urdu",
    "vietnamese",
]
DEMOGRAPHIC = [
    "african",
    "american",
    "asian",
    "atheist",
    "boy",
    "caucasian",
    "christian",
    "disabled",
    "ethnicity",
    "female",
    "gay",
    "gender",
    "girl",
    "hispanic",
    "hindu",
    "immigrant",
    "jewish",
    "lesbian",
    "male",
    "man",
    "men",
    "muslim",
    "nationality",
    "race",
    "religion",
    "sexuality",
    "stereotype",
    "stigma",
    "transgender",
    "woman",
    "women",
]
MODELS = [
    "anthropic",
    "bert",
    "claude",
    "deepseek",
    "fasttext",
    "gemini",
    "gemma",
    "glove",
    "gpt",
    "llama",
    "mistral",
    "openai",
    "phi",
    "qwen",
    "smollm",
    "smollm2",
    "word2vec",
]
ALLOWED_NEARBY = {
    "latin": "the Latin square of a balanced factor, and Latin-1",
}


def first_party_names() -> dict[str, str]:
    """Every name that belongs to a plugin, a measure or its data → where it comes from."""
    names: dict[str, str] = {}
    catalogue = Catalogue()
    for kind in ("backends", "scorers", "statistics", "corrections", "sources"):
        for name, plugin in catalogue.of_kind(kind).items():
            if plugin.cls.__module__.startswith("gnomon_plugins"):
                names[name] = f"a {KINDS[kind][0]}"
    for path in SPECS.glob("*.toml"):
        spec = tomllib.loads(path.read_text("utf-8"))
        names[path.stem] = "a measure"
        for kind in ("factors", "balanced"):
            for levels in spec.get("design", {}).get(kind, {}).values():
                names.update(dict.fromkeys(levels, f"a level of {path.stem}"))
        columns = spec["stimuli"].get("groups", [])
        data = path.parent / str(spec["stimuli"].get("file", ""))
        if data.suffix == ".csv" and data.is_file():
            with data.open(encoding="utf-8-sig", newline="") as lines:
                for row in csv.DictReader(lines):
                    names.update(
                        {
                            row[column]: f"a group of {path.stem}"
                            for column in columns
                            if column in row
                        }
                    )
    return names


def core_lines() -> Iterator[tuple[str, str]]:
    """(place, line) of the core, less example command lines in the help of commands."""
    for path in modules(CORE):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if re.match(r'\s*(?:""")?gnomon [a-z]+ ', line) and path.parent.name == "cli":
                continue
            yield f"{relative(path)}:{number}", line


def named_in_core(names: dict[str, str]) -> list[str]:
    """Sentences, one for each mention, whether written with hyphens or underscores."""
    # A key such as + or - is no word.
    wanted = {
        name: what
        for name, what in names.items()
        if name not in GENERIC and any(letter.isalpha() for letter in name)
    }
    pattern = re.compile(
        "(?<![A-Za-z])(?:"
        + "|".join(
            re.escape(name).replace(r"\-", "[-_ ]")
            for name in sorted(wanted, key=len, reverse=True)
        )
        + ")(?![A-Za-z])",
        re.IGNORECASE,
    )
    return [
        f"{place}: {found.group()!r} in: {line.strip()}"
        for place, line in core_lines()
        for found in pattern.finditer(line)
    ]


def test_the_core_names_no_plugin_measure_level_or_group() -> None:
    """The words come from what is installed, so a new measure is watched from its first day."""
    names = first_party_names()
    assert len(names) > 20
    none(named_in_core(names))


def test_the_core_names_no_model_language_or_demographic_word() -> None:
    """What is measured, and on whom, is a measure's business."""
    words = dict.fromkeys([*LANGUAGES, *DEMOGRAPHIC, *MODELS], "a word")
    mentions = [
        mention
        for mention in named_in_core(words)
        if not any(f"'{word}'" in mention.lower() for word in ALLOWED_NEARBY)
    ]
    none(mentions)


def test_every_allowed_word_has_a_reason_and_is_used() -> None:
    """An allowance that nothing needs any more is taken away."""
    assert all(GENERIC.values())
    lines = [line for _, line in core_lines()]
    none(
        word
        for word in (*GENERIC, *ALLOWED_NEARBY)
        if not any(re.search(rf"(?<![a-z]){word}(?![a-z])", line, re.IGNORECASE) for line in lines)
    )


# -- who imports what ----------------------------------------------------------------------------


def plugin_modules() -> list[Path]:
    """First-party plugins; the tests that templates come with may use ``gnomon.testing`` as any test may."""
    return [
        path
        for path in modules(PLUGINS)
        if not ("templates" in path.parts and path.name.startswith("test_"))
    ]


def test_plugins_import_only_public_names() -> None:
    """``import gnomon`` or ``from gnomon import NAME`` with NAME in ``__all__``; a stranger can do the same."""
    wrong = [
        f"{relative(path)}: {module}{f' import {name}' if name else ''}"
        for path in plugin_modules()
        for module, name in imports(path)
        if module.startswith("gnomon.")
        or (module == "gnomon" and name is not None and name not in gnomon.__all__)
    ]
    none(wrong)


def test_plugins_use_only_public_names() -> None:
    """``gnomon.NAME`` is public too, wherever it is written."""
    wrong = [
        f"{relative(path)}:{node.lineno}: gnomon.{node.attr}"
        for path in plugin_modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "gnomon"
        and node.attr not in gnomon.__all__
    ]
    none(wrong)


def test_the_core_imports_no_plugin() -> None:
    """First-party plugins are found through entry points, as a stranger's are."""
    wrong = [
        f"{relative(path)}: {module}"
        for path in modules(CORE)
        for module, _ in imports(path)
        if module.split(".")[0] == "gnomon_plugins"
    ]
    none(wrong)


def test_nothing_imports_the_source_roots() -> None:
    """No package called engine or plugins exists: in site-packages those names would collide."""
    wrong = [
        f"{relative(path)}: {module}"
        for folder in (CORE, PLUGINS, ROOT / "tests")
        for path in modules(folder)
        for module, _ in imports(path)
        if module.split(".")[0] in ("engine", "plugins")
    ]
    none(wrong)
    assert not (ROOT / "engine" / "__init__.py").exists()
    assert not (ROOT / "plugins" / "__init__.py").exists()


HEAVY_FOR_PLUGINS = [
    "numpy",
    "scipy",
    "pandas",
    "statsmodels",
    "litellm",
    "xllamacpp",
    "aiohttp",
    "sqlite_utils",
    "openai",
    "requests",
    "torch",
    "transformers",
    "krippendorff",
    "pingouin",
    "ray",
    "rich",
]


def test_importing_plugins_imports_nothing_heavy() -> None:
    """Libraries are imported inside the call that needs them."""
    code = (
        "import json, sys\n"
        "from gnomon.catalogue import Catalogue\n"
        "Catalogue().load_all()\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    none(heavy(code, HEAVY_FOR_PLUGINS))


HEAVY_FOR_HELP = [
    "numpy",
    "scipy",
    "litellm",
    "xllamacpp",
    "statsmodels",
    "sqlite_utils",
    "rich",
    "cattrs",
    "aiohttp",
    "tomlkit",
    "pandas",
    "openai",
]


@pytest.mark.parametrize("arguments", [["--help"], ["list"]], ids=" ".join)
def test_help_and_list_import_nothing_heavy(arguments: list[str]) -> None:
    """They cost what click and the catalogue cost; the modules found are shown."""
    code = (
        "import json, sys\n"
        "from gnomon.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    none(heavy(code, HEAVY_FOR_HELP))


def heavy(code: str, names: list[str]) -> list[str]:
    """Which of the named libraries a fresh interpreter has imported after the code."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    return [module for module in loaded if module.split(".")[0] in names]


# -- shape ---------------------------------------------------------------------------------------


def test_specs_hold_no_code() -> None:
    """A measure is a table of declarations; what computes is a plugin."""
    assert [relative(path) for path in SPECS.rglob("*.py")] == []


def test_the_public_names_are_sorted_and_there() -> None:
    """``__all__`` is in order, complete, and every name can be imported."""
    assert list(gnomon.__all__) == sorted(gnomon.__all__)
    assert dir(gnomon) == sorted(gnomon.__all__)
    for name in gnomon.__all__:
        assert getattr(gnomon, name) is not None
    with pytest.raises(AttributeError, match=r"^module 'gnomon' has no attribute 'nothing'$"):
        _ = gnomon.nothing


LONGEST = 300
LONG = {
    "engine/gnomon/store/dictionary.py": "the meaning of every table and column, in words",
    "engine/gnomon/store/reading.py": "one query after another",
}
"""Modules that may be longer, and why."""


def code_lines(path: Path) -> int:
    """Lines that hold code: blank lines, comments and docstrings are free."""
    skipped: set[int] = set()
    for node in ast.walk(tree(path)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            skipped.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return sum(
        bool(line.strip()) and not line.lstrip().startswith("#") and number not in skipped
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
    )


def test_modules_are_short_enough_to_read() -> None:
    """A module of more than 300 lines of code is two ideas, unless it is listed with a reason."""
    long = [
        f"{relative(path)}: {code_lines(path)} lines of code"
        for folder in (CORE, PLUGINS)
        for path in modules(folder)
        if code_lines(path) > LONGEST and relative(path) not in LONG
    ]
    none(long)


def test_functions_fit_on_a_screen() -> None:
    """No function of the core has more than seventy lines, its docstring apart."""
    long = []
    for path in [*modules(CORE), *modules(PLUGINS)]:
        for node in ast.walk(tree(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = ((node.end_lineno or 0) - body[0].lineno + 1) if body else 0
                if length > 70:
                    long.append(f"{relative(path)}:{node.lineno} {node.name}: {length} lines")
    none(long)


def test_every_module_says_what_it_is_for() -> None:
    """A module opens with a docstring."""
    silent = [
        relative(path)
        for folder in (CORE, PLUGINS)
        for path in modules(folder)
        if not ast.get_docstring(tree(path))
    ]
    none(silent)


# -- commands and plugins are documented ---------------------------------------------------------


def all_commands() -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for name, (module, _) in COMMANDS.items():
        command = importlib.import_module(module).command
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {sub}", inner) for sub, inner in command.commands.items()]
    return found


def test_commands_say_everything_through_one_module() -> None:
    """There what could act on a terminal is made visible, whoever wrote it."""
    none(
        f"{relative(path)} prints by itself; gnomon.cli.terminal has tell, say and give"
        for path in modules(CORE / "cli")
        if path.name not in ("terminal.py", "completion.py")
        and re.search(r"click\.echo\(|click\.secho\(|(?<![\w.])print\(", path.read_text("utf-8"))
    )


def test_the_table_of_commands_is_the_commands() -> None:
    """``--help`` shows the table; it says what the commands themselves say."""
    assert list(COMMANDS) == sorted(COMMANDS)
    own = {
        name: (importlib.import_module(module).command, text)
        for name, (module, text) in COMMANDS.items()
    }
    assert {name: command.name for name, (command, _) in own.items()} == {
        name: name for name in own
    }
    assert {name: text for name, (_, text) in own.items()} == {
        name: (command.help or "").split("\n")[0] for name, (command, _) in own.items()
    }


@pytest.mark.parametrize(("name", "command"), all_commands(), ids=[n for n, _ in all_commands()])
def test_every_command_and_option_is_explained(name: str, command: click.Command) -> None:
    """A help text for the command and for each of its options, and they are shown."""
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"gnomon {name} {parameter.opts[0]} is not explained"
            assert parameter.help.endswith("."), f"gnomon {name} {parameter.opts[0]}: a sentence"
    with click.Context(command, info_name=name) as context:
        assert command.get_help(context)


def first_party() -> list[tuple[str, type]]:
    catalogue = Catalogue()
    return [
        (f"{KINDS[kind][0]} {name}", plugin.cls)
        for kind in KINDS
        for name, plugin in sorted(catalogue.of_kind(kind).items())
        if plugin.cls.__module__.startswith("gnomon_plugins")
    ]


@pytest.mark.parametrize(("who", "cls"), first_party(), ids=[who for who, _ in first_party()])
def test_every_plugin_explains_itself_and_its_options(who: str, cls: type) -> None:
    """A frozen attrs class whose docstring opens with a sentence and documents each option."""
    assert attrs.has(cls)
    assert (cls.__doc__ or "").strip(), f"the {who} has no docstring"
    undocumented = [option.name for option in describe_options(cls) if not option.help]
    none(undocumented)


EXPLAINED = re.compile(
    r": [A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)* --? \S|\[[a-z, -]+\]\s+# \S"  # the rule, then the reason
)
NAMED = re.compile(r": [A-Z]+[0-9]|\[[a-z]")


def test_every_exception_to_a_rule_has_a_reason() -> None:
    """A noqa or a type-ignore names its rule, and a reason stands behind or above it."""
    bare = []
    for folder in (CORE, PLUGINS):
        for path in modules(folder):
            above = ""
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                found = re.search(r"#\s*(noqa|type:\s*ignore)(.*)", line)
                explained = above.strip().startswith("#")
                if (
                    found
                    and not EXPLAINED.match(found.group(2))
                    and not (explained and NAMED.match(found.group(2)))
                ):
                    bare.append(f"{relative(path)}:{number}: {line.strip()}")
                above = line
    none(bare)


# -- what is in the repository -------------------------------------------------------------------


def tracked() -> list[Path]:
    """The files git knows; all files of the sources where there is no git."""
    try:
        shown = subprocess.run(
            ["git", "ls-files", "-z", "--cached"], cwd=ROOT, capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        folders = [ROOT / name for name in ("engine", "plugins", "specs", "tests")]
        return [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    names = shown.stdout.decode("utf-8", "surrogateescape").split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


# Written in two parts, so that this file does not hold them.
FORBIDDEN = [
    "pypi" + ".org",
    "python" + "hosted",
    "--index" + "-url",
    "extra-index" + "-url",
    "registry.npm" + "js",
    "deb." + "debian.org",
    "/opt" + "/pypi",
    "/opt" + "/wheels",
    "/work" + "/",
]


def test_no_file_names_a_registry_or_a_place_of_one_machine() -> None:
    """Where packages come from is the user's own configuration."""
    wrong = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", "replace").lower()
        wrong += [f"{relative(path)}: {word}" for word in FORBIDDEN if word in text]
    none(wrong)


def test_the_repository_holds_no_environment_and_no_large_file() -> None:
    """Virtual environments, logs, databases and files over 2 MB are nobody's source."""
    wrong = [
        relative(path)
        for path in tracked()
        if "site-packages" in path.parts
        or path.name == "pyvenv.cfg"
        or path.suffix in (".log", ".db", ".pyc", ".whl", ".gguf")
        or path.stat().st_size > 2_000_000
    ]
    none(wrong)
