"""Runs as logs of Inspect: the samples, and that Inspect's own reader opens them where it is installed."""

from __future__ import annotations

import json
import math
import sqlite3
import zipfile
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
import pytest
from store_samples import FACTS, administer, chat_of, trial_of

from gnomon import (
    Choose,
    Embed,
    Estimate,
    GnomonError,
    Item,
    Loglik,
    Message,
    Reply,
    Score,
    StoreError,
)
from gnomon.cli import cli
from gnomon.export.inspecting import export_logs
from gnomon.export.views import Chosen
from gnomon.store import Store

HOSTILE = "<script>alert(1)</script>\x00 \ud800 {{7*7}} שלום 🧭"


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """A run of every kind of ask and outcome, finished; and a second one that has only begun."""
    path = tmp_path_factory.mktemp("inspect") / "a.db"
    with Store.open(path, write=True) as store:
        run = store.begin_run(attrs.evolve(FACTS, git_commit="abc", git_dirty=True))
        scoring = store.begin_scoring(run)
        turns: list[Any] = [
            [(chat_of, Reply(text="fine", tokens_in=7, tokens_out=2, seconds=0.5))],
            [(chat_of, Reply(text="", status="error", error="no answer"))],
            [(lambda t: chat_of(t, HOSTILE), Reply(text=HOSTILE, status="truncated"))],
            [
                (chat_of, Reply(text="one")),
                (
                    lambda t: chat_of(t, messages=_conversation(t)),
                    Reply(text="two", status="filtered"),
                ),
            ],
            [
                (
                    lambda t: Choose(
                        messages=(Message("user", "A or B?"),), options=("A", "B"), trial=t
                    ),
                    Reply(text="", probabilities={"A": 0.2, "B": 0.8}, exact=True),
                )
            ],
            [(lambda t: Loglik(text="a text", context="before", trial=t), Reply(text=""))],
            [
                (
                    lambda t: Embed(texts=("x", "y"), trial=t),
                    Reply(text="", vectors=((1.0,), (2.0,))),
                )
            ],
        ]
        for ordinal, made in enumerate(turns):
            trial = trial_of(ordinal, item=Item("same", gold=2.5), **_bare(ordinal))
            given = [(ask(trial), reply) for ask, reply in made]
            number = administer(store, run, trial, *given)
            scores = [
                Score(name="length", value=None, status="unparsed")
                if ordinal == 1
                else Score(name="length", value=ordinal / 2, detail={"words": ordinal})
            ]
            store.add_scores(run, scoring, scores, scorer="length", trial_id=number)
        store.replace_estimates(
            run,
            scoring,
            [
                Estimate(
                    statistic="mean", of="length", quantity="mean", value=1.25, low=1.0, high=1.5, n=6,
                    method="mean", group={"instruction": "plain"},
                ),
                Estimate(statistic="t", of="length", quantity="mean", value=None, note="no", method="t"),
            ],
        )  # fmt: skip
        store.close_session(run, reason="done")
        other = store.begin_run(attrs.evolve(FACTS, measure="other"))
        administer(store, other, trial_of(0), finish=False)
    return path


def _bare(ordinal: int) -> dict[str, Any]:
    return {
        "draws": {"first": "Ada"},
        "levels": {"instruction": "plain"},
        "fields": {"instruction": "plain", "first": "Ada"},
        "repeat": ordinal,
    }


def _conversation(trial: Any) -> tuple[Message, ...]:
    return (
        Message("user", f"question {trial.ordinal}"),
        Message("assistant", "one"),
        Message("user", "and then?"),
    )


@pytest.fixture(scope="module")
def log(path: Path, tmp_path_factory) -> Path:
    """The one log that comes of it."""
    made = export_logs(path, tmp_path_factory.mktemp("logs"), Chosen())
    assert list(made.values()) == [7]
    return next(iter(made))


def member(log: Path, name: str) -> Any:
    with zipfile.ZipFile(log) as held:
        return json.loads(held.read(name))


def sample(log: Path, epoch: int) -> Any:
    return member(log, f"samples/same [plain]_epoch_{epoch}.json")


def test_the_log_says_what_was_run(log: Path) -> None:
    """Task, model, versions, results; a run that was refused an estimate has none."""
    header = member(log, "header.json")
    assert (header["version"], header["status"]) == (2, "success")
    spec = header["eval"]
    assert (spec["task"], spec["task_version"], spec["model"]) == ("tiny", 1, "scripted/answers")
    assert spec["task_args"]["seed"] == 7
    assert spec["revision"] == {"type": "git", "origin": "", "commit": "abc", "dirty": True}
    assert spec["config"] == {"epochs": 7}
    assert spec["metadata"]["gnomon_spec"] == 'measure = "tiny"\n'
    (score,) = header["results"]["scores"]
    assert score["name"] == "length (instruction plain)"
    assert score["metrics"]["mean mean"] == {
        "name": "mean mean",
        "value": 1.25,
        "metadata": {"low": 1.0, "high": 1.5, "n": 6, "method": "mean"},
    }
    assert header["stats"]["model_usage"] == {
        "scripted/answers": {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
    }


def test_samples_are_trials_in_the_words_that_were_sent(log: Path) -> None:
    """Messages, target, draws and scores; a conversation is shown once."""
    first = sample(log, 1)
    assert [(one["role"], one["content"]) for one in first["messages"]] == [
        ("user", "question 0"),
        ("assistant", "fine"),
    ]
    assert first["target"] == "2.5"
    assert first["metadata"]["draws"] == {"first": "Ada"}
    assert first["scores"] == {"length": {"value": 0.0, "answer": "fine", "metadata": {"words": 0}}}
    assert [one["content"] for one in sample(log, 4)["messages"]] == [
        "question 3", "one", "and then?", "two",
    ]  # fmt: skip
    chosen = sample(log, 5)
    assert (chosen["choices"], chosen["output"]["completion"]) == (["A", "B"], "B")
    assert chosen["output"]["metadata"] == {"probabilities": {"A": 0.2, "B": 0.8}}
    assert [one["content"] for one in sample(log, 6)["input"]] == ["a text"]
    assert [one["content"] for one in sample(log, 7)["input"]] == ["x", "y"]


def test_a_missing_score_is_no_number_and_an_error_is_said(log: Path) -> None:
    """NaN with the reason; the status of the reply; stop reasons in Inspect's words."""
    failed = sample(log, 2)
    assert math.isnan(failed["scores"]["length"]["value"])
    assert failed["scores"]["length"]["reason"] == "unparsed"
    assert failed["error"] == {"message": "no answer", "traceback": "", "traceback_ansi": ""}
    stops = [sample(log, n)["output"]["choices"][0]["stop_reason"] for n in (1, 2, 3, 4)]
    assert stops == ["stop", "unknown", "max_tokens", "content_filter"]


def test_hostile_texts_are_texts(log: Path) -> None:
    """What JSON cannot carry everywhere is written as an escape, as in the database."""
    wanted = HOSTILE.replace("\x00", "\\x00").replace("\ud800", "\\ud800")
    assert sample(log, 3)["output"]["completion"] == wanted


def test_summaries_list_every_sample(log: Path) -> None:
    """In the order of the plan."""
    listed = member(log, "summaries.json")
    assert [(one["id"], one["epoch"]) for one in listed] == [
        ("same [plain]", n) for n in range(1, 8)
    ]
    assert listed[1]["error"] == "no answer"
    assert all(one["completed"] for one in listed)


def test_long_and_equal_keys_stay_apart(tmp_path: Path) -> None:
    """An id is bounded in length; no two samples have one name."""
    path = tmp_path / "a.db"
    with Store.open(path, write=True) as store:
        run = store.begin_run(FACTS)
        for ordinal, key in enumerate(["k" * 5_000 + "a", "k" * 5_000 + "b", "x/../y", "x/../y"]):
            trial = trial_of(ordinal, item=Item(key, {"n": ordinal}), **_bare(0))
            fields = {**trial.fields, "n": ordinal}
            administer(store, run, attrs.evolve(trial, fields=fields))
    ((log, count),) = export_logs(path, tmp_path / "logs", Chosen()).items()
    with zipfile.ZipFile(log) as held:
        names = held.namelist()
    assert (count, len(names), len(set(names))) == (4, 6, 6)
    assert max(map(len, names)) < 260
    assert member(log, "header.json")["status"] == "started"


def said(words: list[Any]) -> str:
    with pytest.raises(GnomonError) as caught:
        cli.main(args=[str(word) for word in words], standalone_mode=False)
    return str(caught.value)


def test_what_cannot_be_exported(path: Path, tmp_path: Path, capsys) -> None:
    """A run without a finished trial, no folder, a file in its place."""
    export = ["export", path, "--to", "inspect"]
    with pytest.raises(
        StoreError, match=r"^run 2 has no finished trial yet, so there is no log of it$"
    ):
        export_logs(path, tmp_path / "logs", Chosen(runs=(2,)))
    assert said(export) == "say with -o which folder to write"
    (tmp_path / "file").write_text("")
    assert said([*export, "-o", tmp_path / "file"]) == (
        f"the folder {tmp_path / 'file'} cannot be made: File exists"
    )
    cli.main(args=["export", str(path), "1", "--to", "inspect", "-o", str(tmp_path / "l")],
             standalone_mode=False)  # fmt: skip
    (made,) = (tmp_path / "l").iterdir()
    assert capsys.readouterr().out == f"{made}: 7 samples\n"


@pytest.mark.skipif(
    find_spec("inspect_ai") is None,
    reason="inspect-ai is not installed (pip install 'gnomon[interop]')",
)
@pytest.mark.filterwarnings("default")  # the library's own warnings are its business
def test_inspect_reads_it(log: Path, tmp_path: Path) -> None:
    """Header, summaries, samples and scores through Inspect's own types, and once round through its writer."""
    from inspect_ai.log import (
        read_eval_log,
        read_eval_log_sample,
        read_eval_log_sample_summaries,
        write_eval_log,
    )

    read = read_eval_log(str(log))
    assert (read.status, read.eval.task, len(read.samples or [])) == ("success", "tiny", 7)
    assert len(read_eval_log_sample_summaries(str(log))) == 7
    one = read_eval_log_sample(str(log), id="same [plain]", epoch=4)
    assert [message.text for message in one.messages] == ["question 3", "one", "and then?", "two"]
    assert one.scores is not None
    assert one.scores["length"].value == 1.5
    missing = read_eval_log_sample(str(log), id="same [plain]", epoch=2).scores
    assert missing is not None
    assert math.isnan(missing["length"].as_float())
    assert missing["length"].reason == "unparsed"
    assert read.results is not None
    assert read.results.scores[0].metrics["mean mean"].value == 1.25
    write_eval_log(read, str(tmp_path / "again.json"))
    assert len(read_eval_log(str(tmp_path / "again.json")).samples or []) == 7


def test_no_name_in_a_database_leads_out_of_the_folder(tmp_path: Path) -> None:
    """The time, the measure and the run's own name come from the database, and may be a stranger's."""
    path = tmp_path / "a.db"
    # So deep that two steps up are still the folder of this test.
    folder = tmp_path / "up" / "down" / "logs"
    folder.parent.mkdir(parents=True)
    with Store.open(path, write=True) as store:
        run = store.begin_run(attrs.evolve(FACTS, measure="/tmp/x"))
        administer(store, run, trial_of(0))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE run SET uid = '/../../uid', started_at = '../../2026'")
        connection.commit()
    (made,) = export_logs(path, folder, Chosen())
    assert made == folder / "-2026_-tmp-x_-uid.eval"
    assert list(folder.iterdir()) == [made]
    assert list(tmp_path.rglob("*.eval")) == [made]
