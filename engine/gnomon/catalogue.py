"""The catalogue: which plugins there are, who offers them, and what went wrong while loading them.

One invariant: a plugin that fails to import, or offers what it should not, hurts only those who need
it. Its traceback is kept and shown when a name cannot be found, and by ``gnomon plugins``.

The catalogue is an ordinary value made by ``Catalogue()``; nothing is global and nothing is registered by
importing a module.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import attrs
import pluggy

from gnomon import hookspecs
from gnomon.errors import CatalogueError, did_you_mean, listing
from gnomon.hooks import check_hooks

if TYPE_CHECKING:
    from gnomon.records import ModelInfo

KINDS: Mapping[str, tuple[str, str]] = {
    "sources": ("source", "items"),
    "procedures": ("procedure", "administer"),
    "backends": ("backend", "ask"),
    "scorers": ("scorer", "score"),
    "statistics": ("statistic", "estimate"),
    "corrections": ("correction", "adjust"),
    "executors": ("executor", "open"),
}
"""Plural kind → its singular and the one method its classes have."""

GROUP = "gnomon"
_FOLDERS = ("specs", "templates")
"""Hooks that return folders."""
_NAME = re.compile(r"[a-z][a-z0-9-]*\Z")


@attrs.frozen(kw_only=True)
class Provider:
    """Where plugins come from: an entry point, or a file.

    Attributes:
        name: The entry point's name, or the file's path.
        origin: ``DISTRIBUTION VERSION`` or ``file PATH``.
        seconds: Time its import took; None when it was not loaded.
        failure: The traceback when it could not be loaded.
    """

    name: str
    origin: str
    seconds: float | None = None
    failure: str | None = None


@attrs.frozen(kw_only=True)
class Plugin:
    """One class that a provider offers.

    Attributes:
        kind: Plural kind.
        name: What specs and model strings call it.
        cls: The class.
        provider: Who offers it.
    """

    kind: str
    name: str
    cls: type
    provider: Provider


def _kind_of(entry: str) -> str | None:
    last = entry.rsplit(".", 1)[-1]
    return last if last in KINDS or last in _FOLDERS else None


class Catalogue:
    """Plugins by kind and name.

    Args:
        entry_points: The entry points to read; those of the group ``gnomon`` unless given.
        files: One-file plugins (``--plugin``).
        modules: Modules or objects with hooks, by name; for tests and notebooks.
    """

    def __init__(
        self,
        *,
        entry_points: Iterable[importlib.metadata.EntryPoint] | None = None,
        files: Sequence[Path] = (),
        modules: Mapping[str, object] | None = None,
    ) -> None:
        found = (
            importlib.metadata.entry_points(group=GROUP) if entry_points is None else entry_points
        )
        self._waiting: list[importlib.metadata.EntryPoint] = sorted(found, key=lambda e: e.name)
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._providers: dict[str, Provider] = {}
        self._plugins: dict[str, dict[str, Plugin]] = {}
        for file in files:
            self._load_file(file)
        for name, module in (modules or {}).items():
            self._register(module, Provider(name=name, origin=f"module {name}", seconds=0.0))

    # -- loading ---------------------------------------------------------------------------------

    def _load_file(self, file: Path) -> None:
        path = Path(file)
        if not path.is_file():
            raise CatalogueError(f"there is no plugin file {str(path)!r}")
        began = time.perf_counter()
        # Files of one name in two folders are two modules.
        place = str(path.resolve())
        module_name = (
            f"gnomon_file_{re.sub('[^A-Za-z0-9_]', '_', path.stem)}_"
            f"{blake2b(place.encode('utf-8', 'surrogateescape'), digest_size=4).hexdigest()}"
        )
        if self._manager.has_plugin(module_name):
            return
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise CatalogueError(f"the plugin file {str(path)!r} is not a Python file (*.py)")
        module = importlib.util.module_from_spec(spec)
        # attrs and typing look a class's module up by name while the class is made.
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit):  # noqa: BLE001 - whatever a file does, its user is told
            del sys.modules[module_name]
            # A file the user named on the command line is needed by definition, so say so at once.
            raise CatalogueError(
                f"the plugin file {str(path)!r} failed to load:\n{_tail(traceback.format_exc())}"
            ) from None
        provider = Provider(
            name=str(path), origin=f"file {path}", seconds=time.perf_counter() - began
        )
        if self._register(module, provider, module_name) == 0:
            raise CatalogueError(
                f"the plugin file {str(path)!r} offers nothing; it needs a hook such as "
                "register_scorers, marked '@gnomon.hookimpl'"
            )

    def _load(self, kind: str) -> None:
        due = [entry for entry in self._waiting if _kind_of(entry.name) in (None, kind)]
        self._waiting = [entry for entry in self._waiting if entry not in due]
        for entry in due:
            distribution = entry.dist
            origin = f"{distribution.name} {distribution.version}" if distribution else entry.value
            provider = Provider(name=entry.name, origin=origin)
            began = time.perf_counter()
            try:
                module = entry.load()
            except (Exception, SystemExit):  # noqa: BLE001 - a stranger's import may fail in any way
                self._providers[_unique(provider)] = attrs.evolve(
                    provider, failure=traceback.format_exc()
                )
                continue
            self._register(module, attrs.evolve(provider, seconds=time.perf_counter() - began))

    def _register(self, module: object, provider: Provider, name: str | None = None) -> int:
        """Make the module's hooks known; returns how many there are."""
        name = name or _unique(provider)
        who = f"the plugin {provider.name!r} of {provider.origin}"
        count = check_hooks(module, who)
        try:
            self._manager.register(module, name=name)
        except (pluggy.PluginValidationError, ValueError) as error:
            raise CatalogueError(f"{who} cannot be registered: {_one_line(str(error))}") from None
        self._providers[name] = provider
        # What was gathered before this provider came is no longer the whole.
        self._plugins.clear()
        return count

    # -- reading ---------------------------------------------------------------------------------

    def of_kind(self, kind: str) -> Mapping[str, Plugin]:
        """All plugins of a plural kind, by name.

        Raises:
            CatalogueError: Two providers offer one name, or a class does not have the kind's form.
        """
        self._load(kind)
        if kind not in self._plugins:
            self._plugins[kind] = self._gather(kind)
        return self._plugins[kind]

    def _gather(self, kind: str) -> dict[str, Plugin]:
        singular, method = KINDS[kind]
        out: dict[str, Plugin] = {}
        hook = getattr(self._manager.hook, f"register_{kind}")
        for implementation in hook.get_hookimpls():
            provider = self._providers[implementation.plugin_name]
            try:
                classes = list(implementation.function())
            except Exception:  # noqa: BLE001 - as above
                self._providers[implementation.plugin_name] = attrs.evolve(
                    provider, failure=traceback.format_exc()
                )
                continue
            for cls in classes:
                name = getattr(cls, "name", None)
                who = (
                    f"the {singular} {getattr(cls, '__name__', type(cls).__name__)!r} "
                    f"of {provider.origin}"
                )
                if not isinstance(cls, type):
                    raise CatalogueError(f"{who} is not a class; hooks return classes")
                if not isinstance(name, str) or not _NAME.match(name):
                    raise CatalogueError(
                        f"{who} needs a class attribute 'name' of lower-case letters, digits and "
                        f"hyphens; it has {name!r}"
                    )
                if not callable(getattr(cls, method, None)):
                    raise CatalogueError(
                        f"{who} has no method {method!r}, which every {singular} has"
                    )
                if name in out and out[name].cls is not cls:
                    raise CatalogueError(
                        f"two plugins offer the {singular} {name!r}: "
                        f"{out[name].provider.origin} and {provider.origin}; "
                        "remove one of them, or rename its class"
                    )
                out[name] = Plugin(kind=kind, name=name, cls=cls, provider=provider)
        return out

    def get(self, kind: str, name: str) -> Plugin:
        """The plugin of that kind and name.

        Raises:
            CatalogueError: There is none; the nearest name, the list, and the traceback of any
                provider that failed to load are shown.
        """
        plugins = self.of_kind(kind)
        if name in plugins:
            return plugins[name]
        singular, _ = KINDS[kind]
        message = (
            f"there is no {singular} {name!r}{did_you_mean(name, plugins)}; "
            f"there are: {listing(plugins)}"
        )
        for provider in self.failures():
            message += (
                f"\nthe plugin {provider.name!r} of {provider.origin} failed to load and may be "
                f"the one that offers it:\n{_tail(provider.failure or '')}"
            )
        raise CatalogueError(message)

    def spec_folders(self) -> Sequence[tuple[Path, Provider]]:
        """Folders of measures and who offers them."""
        return self._folders("specs")

    def template_folders(self) -> Sequence[tuple[Path, Provider]]:
        """Folders of templates and who offers them."""
        return self._folders("templates")

    def _folders(self, kind: str) -> Sequence[tuple[Path, Provider]]:
        self._load(kind)
        out: list[tuple[Path, Provider]] = []
        for implementation in getattr(self._manager.hook, f"register_{kind}").get_hookimpls():
            provider = self._providers[implementation.plugin_name]
            try:
                folders: Iterable[Path] = implementation.function()
                out.extend((Path(folder), provider) for folder in folders)
            except Exception:  # noqa: BLE001 - as above
                self._providers[implementation.plugin_name] = attrs.evolve(
                    provider, failure=traceback.format_exc()
                )
        return out

    def measures(self) -> Mapping[str, tuple[Path, Provider]]:
        """Every measure that plugins offer: name → file and provider.

        Raises:
            CatalogueError: Two providers offer one measure.
        """
        out: dict[str, tuple[Path, Provider]] = {}
        for folder, provider in self.spec_folders():
            for file in sorted(folder.glob("*.toml")):
                name = file.stem
                if name in out and out[name][0] != file:
                    raise CatalogueError(
                        f"two plugins offer the measure {name!r}: {out[name][1].origin} "
                        f"({out[name][0]}) and {provider.origin} ({file}); "
                        "run one of them by its path"
                    )
                out[name] = (file, provider)
        return out

    def models(self) -> Iterator[tuple[str, type, ModelInfo]]:
        """Every model whose files a backend can bring: backend's name, its class, and what is known of it."""
        for name, plugin in sorted(self.of_kind("backends").items()):
            models = getattr(plugin.cls, "models", None)
            for info in models() if models is not None else ():
                yield name, plugin.cls, info

    def find_measure(self, name: str) -> Path:
        """The file of a measure given by name or by path.

        Raises:
            CatalogueError: There is none.
        """
        if name.endswith(".toml") or "/" in name or "\\" in name:
            path = Path(name)
            if path.is_file():
                return path
            raise CatalogueError(f"there is no spec file {name!r}")
        measures = self.measures()
        if name in measures:
            return measures[name][0]
        message = (
            f"there is no measure {name!r}{did_you_mean(name, measures)}; "
            f"there are: {listing(measures)} (or give the path of a .toml file)"
        )
        raise CatalogueError(message)

    def load_all(self) -> None:
        """Load every provider, so that ``providers`` and ``failures`` are complete."""
        for kind in KINDS:
            self.of_kind(kind)
        self.spec_folders()
        self.template_folders()

    @property
    def providers(self) -> Sequence[Provider]:
        """Everyone who was loaded, or tried."""
        return tuple(self._providers.values())

    def failures(self) -> Sequence[Provider]:
        """Those that could not be loaded."""
        return tuple(provider for provider in self._providers.values() if provider.failure)


def _unique(provider: Provider) -> str:
    return f"{provider.origin}:{provider.name}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _tail(text: str, lines: int = 6) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines()[-lines:])


def module_of(cls: type) -> ModuleType:
    """The module a plugin class was defined in."""
    return sys.modules[cls.__module__]
