"""Measures as tests: one that it loads, one that it runs, and one for each entry of ``[expect]``.

One invariant: a measure is run at most once, when the first of its tests needs the result; a test that cannot
know its answer fails, and one is skipped only where the model cannot do what the measure needs.
"""

from __future__ import annotations

import re
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from gnomon.errors import CapabilityError, GnomonError

if TYPE_CHECKING:
    from gnomon.catalogue import Catalogue
    from gnomon.records import Estimate
    from gnomon.spec import Spec

_MEASURE = re.compile(r"^\s*[\"']?measure[\"']?\s*=", re.MULTILINE)
_CATALOGUE: pytest.StashKey[Catalogue] = pytest.StashKey()


class Violated(Exception):
    """A test of a measure that failed, as sentences for the reader."""


@attrs.frozen
class Ran:
    """What came of running a measure: its estimates, or why there is no whole run."""

    spec: Spec
    estimates: tuple[Estimate, ...]
    incomplete: str | None


def is_measure(path: Path) -> bool:
    """Whether a TOML file declares a measure; other TOML files are nobody's test."""
    try:
        return _MEASURE.search(path.read_text("utf-8")) is not None
    except (OSError, UnicodeDecodeError):
        return False


def catalogue_of(config: pytest.Config) -> Catalogue:
    """The plugins, found once a session."""
    from gnomon.catalogue import Catalogue

    if _CATALOGUE not in config.stash:
        files = tuple(Path(name) for name in config.getoption("--gnomon-plugin"))
        config.stash[_CATALOGUE] = Catalogue(files=files)
    return config.stash[_CATALOGUE]


class SpecFile(pytest.File):
    """The tests of one measure, and its run, made once."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._spec: Spec | GnomonError | None = None
        self._ran: Ran | GnomonError | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """The tests, from the text alone: no plugin is imported to list them."""
        yield Loads.from_parent(self, name="loads")
        if self.config.getoption("--gnomon-model") is None:
            return
        yield Runs.from_parent(self, name="runs")
        try:
            written = tomllib.loads(self.path.read_text("utf-8")).get("expect", {})
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            return  # the test that it loads says what is wrong
        for key in written if isinstance(written, dict) else ():
            yield Expects.from_parent(self, name=key)

    def teardown(self) -> None:
        """Take the temporary database away."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def load(self) -> Spec:
        """The loaded measure.

        Raises:
            GnomonError: Every fault of the spec, with its place.
        """
        from gnomon.cli.common import files_of
        from gnomon.loading import load

        if self._spec is None:
            files = files_of(tuple(self.config.getoption("--gnomon-file")))
            try:
                self._spec = load(self.path, catalogue_of(self.config), files=files)
            except GnomonError as error:
                self._spec = error
        if isinstance(self._spec, GnomonError):
            raise self._spec
        return self._spec

    def run(self) -> Ran:
        """The run, made now if no test has needed it before.

        Raises:
            GnomonError: What could be known before the first call.
        """
        if self._ran is None:
            try:
                self._ran = self._run(self.load())
            except GnomonError as error:
                self._ran = error
        if isinstance(self._ran, GnomonError):
            raise self._ran
        return self._ran

    def _run(self, spec: Spec) -> Ran:
        from gnomon.cli.common import files_of, pairs
        from gnomon.run import RunRequest, run
        from gnomon.run.bindings import roles_of
        from gnomon.run.checks import check_request
        from gnomon.run.progress import Silent
        from gnomon.store import Store

        option = self.config.getoption
        given = pairs(tuple(option("--gnomon-role")), "--gnomon-role")
        known = roles_of(spec)
        request = RunRequest(
            spec=spec,
            roles={
                "subject": option("--gnomon-model"),
                **{role: model for role, model in given.items() if role in known},
            },
            repeats=option("--gnomon-repeats"),
            limit=option("--gnomon-limit"),
            files=files_of(tuple(option("--gnomon-file"))),
            command=("pytest", "--gnomon"),
        )
        check_request(request)
        database = self._database()
        outcome = run(request, catalogue_of(self.config), database, Silent())
        with Store.open(database) as store:
            rows = store.estimates([outcome.run_id])
        incomplete = outcome.reason or (f"exit {outcome.exit_code}" if outcome.exit_code else None)
        return Ran(spec, tuple(row.estimate for row in rows), incomplete)

    def _database(self) -> Path:
        given = self.config.getoption("--gnomon-db")
        if given is not None:
            return Path(given)
        self._folder = tempfile.TemporaryDirectory(prefix="gnomon-")
        return Path(self._folder.name) / "results.db"


class SpecTest(pytest.Item):
    """One test of a measure."""

    @property
    def file(self) -> SpecFile:
        """The measure it belongs to."""
        assert isinstance(self.parent, SpecFile)
        return self.parent

    def ran(self) -> Ran:
        """The run, a skipped test where the model cannot do what is needed, or a failed one."""
        try:
            return self.file.run()
        except CapabilityError as error:
            pytest.skip(str(error))
        except GnomonError as error:
            raise Violated(f"{self.file.path.name} was not run: {error}") from None

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Sentences for what is wrong with the measure; a traceback for what is wrong with us."""
        if isinstance(excinfo.value, Violated):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The file, the line of the entry where there is one, and the name."""
        return self.path, self._line(), self.name

    def _line(self) -> int | None:
        try:
            lines = self.path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return None
        return next((at for at, line in enumerate(lines) if f'"{self.name}"' in line), 0)


class Loads(SpecTest):
    """The spec is whole: what ``gnomon check`` says of it."""

    def runtest(self) -> None:
        """Load it."""
        try:
            self.file.load()
        except GnomonError as error:
            raise Violated(str(error)) from None


class Runs(SpecTest):
    """The run is whole: no call failed for good, and something was estimated."""

    def runtest(self) -> None:
        """Run it."""
        ran = self.ran()
        if ran.incomplete is not None:
            raise Violated(f"the run is not complete: {ran.incomplete}")
        if ran.spec.statistics and not ran.estimates:
            raise Violated("the run has no estimates")


class Expects(SpecTest):
    """One entry of ``[expect]`` holds."""

    def runtest(self) -> None:
        """Hold its bound against the estimates."""
        from gnomon.run.expect import check_one

        ran = self.ran()
        made = check_one(self.name, ran.spec.keys.expect[self.name], ran.estimates)
        faults = [check.fault for check in made if check.fault is not None]
        if faults:
            held = len(made) - len(faults)
            lines = [*faults, *([f"({held} of {len(made)} estimates hold)"] if held else [])]
            raise Violated("\n".join(lines))
