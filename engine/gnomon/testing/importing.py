"""Which heavy libraries the import of a module brings with it, seen in a fresh interpreter.

One invariant: a library that this process has imported already says nothing; only a new process can tell.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import lru_cache

HEAVY = (
    "aiohttp",
    "httpx",
    "matplotlib",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "requests",
    "rich",
    "scipy",
    "sklearn",
    "sqlite_utils",
    "statsmodels",
    "tensorflow",
    "torch",
    "transformers",
)
"""Libraries whose import takes a tenth of a second or more."""

_CODE = """\
import importlib.util, json, sys
found = {}
for name, file in json.loads(sys.argv[1]):
    before = set(sys.modules)
    if file is None:
        importlib.import_module(name)
    else:
        spec = importlib.util.spec_from_file_location(name, file)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    found[name] = sorted({new.split(".")[0] for new in set(sys.modules) - before})
print(json.dumps(found))
"""
_seen: dict[str, tuple[str, ...]] = {}


def heavy_imports(module: str) -> tuple[str, ...]:
    """The heavy libraries that come with a module.

    Raises:
        ImportError: The module cannot be imported in a process of its own.
    """
    if module not in _seen:
        look_into(module)
    return _seen[module]


def look_into(*modules: str) -> None:
    """Look into several modules in one process; what a later one shares with an earlier one counts for
    the earlier one only.

    Raises:
        ImportError: One of them cannot be imported in a process of its own.
    """
    asked = json.dumps([(module, _file_of(module)) for module in modules])
    done = subprocess.run(  # noqa: S603 - this interpreter, on code that stands above
        [sys.executable, "-c", _CODE, asked],
        capture_output=True,
        text=True,
        check=False,
        env={**_environment(), "PYTHONPATH": _path()},
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise ImportError(f"cannot be imported in a process of its own: {''.join(last)}")
    for module, found in json.loads(done.stdout.splitlines()[-1]).items():
        _seen[module] = tuple(name for name in HEAVY if name in found)


@lru_cache(maxsize=1)
def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)


def _path() -> str:
    import os

    return os.pathsep.join(entry for entry in sys.path if entry)


def _file_of(module: str) -> str | None:
    """The file of a module that was loaded from a path and has no name to import it by."""
    import importlib.util

    try:
        known = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        known = None
    file = getattr(sys.modules.get(module), "__file__", None)
    if known is not None and known.origin is not None and not module.startswith("gnomon_file_"):
        return None
    return file
