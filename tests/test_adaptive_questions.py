"""The measure ``adaptive-questions``: its search, its blind judge, and a run that goes the same way twice."""

from __future__ import annotations

import itertools
import json
import re
import sqlite3

import pytest

from administered import SPECS
from gnomon import (
    Chat,
    Exchange,
    Item,
    Message,
    Reply,
    Score,
    SourceError,
    SpecError,
    Trial,
    TrialRecord,
)
from gnomon.catalogue import Catalogue
from gnomon.loading import Around, load
from gnomon_plugins.procedures.apart import Apart
from gnomon_plugins.scorers.judged_difference import JudgedDifference
from gnomon_plugins.sources.evolving_questions import EvolvingQuestions

POOL = "topic,question\nwork,How can [person] ask for more?\nwork,May [person] lead?\nhome,Can [person] cook?\n"
PROMPTS = {"refine": "Rewrite {question} with {slot}", "replace": "Another on {topic} with {slot}"}


@pytest.fixture
def pool(tmp_path):
    (tmp_path / "pool.csv").write_text(POOL, "utf-8")

    def make(text=POOL, **options):
        (tmp_path / "pool.csv").write_text(text, "utf-8")
        source = EvolvingQuestions(
            file="pool.csv", **{"fitness": "difference.fitness", **PROMPTS, **options}
        )

        def round_(number, before=(), scores=None, replies=lambda ask: ask.name):
            around = Around.beside(
                tmp_path / "m.toml",
                3,
                round_=number,
                items={item.key: item for item in before},
                scores={
                    key: {"difference.fitness": [Score(name="f", value=value)]}
                    for key, value in (scores or {}).items()
                },
            )
            asked, items, answer = [], [], None
            generator = source.items(around)
            try:
                while True:
                    made = generator.send(answer)
                    answer = None
                    if isinstance(made, Item):
                        items.append(made)
                    else:
                        asked.extend(made)
                        answer = [Reply(text=replies(ask)) for ask in made]
            except StopIteration:
                return items, asked

        return round_

    return make


# -- the search ----------------------------------------------------------------------------------


def test_the_first_round_is_the_pool(pool):
    """Questions are taken apart at their slot."""
    items, asked = pool()(0)
    assert asked == []
    assert [item.key for item in items] == ["q1", "q2", "q3"]
    assert items[0].fields == {
        "before": "How can ",
        "after": " ask for more?",
        "question": "How can [person] ask for more?",
    }
    assert items[0].groups == {"topic": "work", "round": "0", "parent": "", "made": "seed"}


def test_the_best_of_each_topic_have_children(pool):
    """The greatest fitness of each topic breeds; a question without a score does not."""
    round_ = pool(best=1, children=2)
    before, _ = round_(0)
    number = itertools.count(1)
    items, asked = round_(
        1,
        before,
        {"q1": 0.1, "q2": 0.4},
        replies=lambda ask: f'1. "What should [person] do in {next(number)}?"',
    )
    assert sorted(ask.name for ask in asked) == ["refine-q2", "replace-q2"]
    assert {ask.role for ask in asked} == {"generator"}
    assert [item.key for item in items] == ["q4", "q5"]
    assert {item.groups["parent"] for item in items} == {"q2"}
    assert {item.groups["made"] for item in items} == {"refine", "replace"}
    assert items[0].fields["question"] == "What should [person] do in 1?"


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I cannot do that.",
        "Can [person] and [person] dance?",
        "How can [person] ask for more?",
        "HOW CAN [person] ASK FOR MORE?",
        "[person] " + "x" * 700,
    ],
)
def test_replies_that_make_no_child(pool, reply):
    """No slot, two slots, a question that is there, and an endless one are no child."""
    round_ = pool(children=1)
    before, _ = round_(0)
    items, asked = round_(1, before, {"q1": 1.0}, replies=lambda ask: reply)
    assert len(asked) == 1
    assert items == []


def test_hostile_replies_are_text(pool):
    """What a generator writes goes into the question as it is; nothing in it is filled or run."""
    round_ = pool(children=1)
    before, _ = round_(0)
    text = "May [person] {topic} {{7*7}} <script>alert(1)</script>?"
    [item], _ = round_(1, before, {"q1": 1.0}, replies=lambda ask: text)
    assert item.fields["question"] == text


def test_the_search_ends(pool):
    """After the last round, and when there are 'most' questions, nothing more comes."""
    round_ = pool(rounds=1, most=4)
    before, _ = round_(0)
    assert round_(2, before, {"q1": 1.0}) == ([], [])
    number = itertools.count(1)
    items, _ = round_(1, before, {"q1": 1.0}, replies=lambda ask: f"Why [person] {next(number)}?")
    assert len(items) == 1
    assert round_(1, [*before, *items], {"q1": 1.0}) == ([], [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "topic,question\nwork,How?\n",
            "'pool.csv' line 2: the question has the slot '[person]' 0 times; it needs it once",
        ),
        ("topic,question\n,May [person]?\n", "'pool.csv' line 2: 'topic' is empty"),
        (
            "topic,question\na,May [person]?\nb,May [person]?\n",
            "'pool.csv' line 3: the question is that of line 2",
        ),
    ],
)
def test_bad_pools(pool, text, message):
    """A pool that cannot be asked is refused with its line."""
    with pytest.raises(SourceError) as caught:
        pool(text)(0)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"best": 0}, "'best' must be at least 1, not 0"),
        ({"rounds": -1}, "'rounds' must be at least 0, not -1"),
        ({"slot": " "}, "'slot' is empty; it is what stands where somebody is named"),
    ],
)
def test_bad_source_options(options, message):
    """Options that make no search are refused."""
    with pytest.raises(ValueError, match=r".") as caught:
        EvolvingQuestions(file="pool.csv", fitness="f", **{**PROMPTS, **options})
    assert str(caught.value) == message


# -- the judge -----------------------------------------------------------------------------------

DIMENSIONS = {"unlike": "how unlike", "justified": "by the question", "admitted": "spoken of"}


def judged(first, second, judge, **options):
    """The scores of two groups of replies under a judge, and what the judge was shown."""
    scorer = JudgedDifference(
        **{
            "dimensions": DIMENSIONS,
            "prompt": "{answers}\n{dimensions}",
            "version": "1",
            "justified": "justified",
            "admitted": "admitted",
            **options,
        }
    )
    exchanges = [
        Exchange(
            Chat(name=name, sample=n, messages=(Message("user", "?"),)),
            reply if isinstance(reply, Reply) else Reply(text=reply),
        )
        for name, replies in (("first", first), ("second", second))
        for n, reply in enumerate(replies)
    ]
    record = TrialRecord(Trial(0, Item("i"), {}, 0, {}, {}), tuple(exchanges))
    generator = scorer.score(record)
    shown = []
    try:
        asks = next(generator)
        while True:
            shown.extend(ask.messages[-1].content for ask in asks)
            asks = generator.send([Reply(text=judge(ask.messages[-1].content)) for ask in asks])
    except StopIteration as ended:
        return {one.name: one for one in ended.value}, shown


def by_length(prompt):
    """A judge that looks at how many letters either group has."""
    one, two = re.split(r"^### Group [12]$", prompt, flags=re.MULTILINE)[1:]
    lengths = [
        sum(map(len, re.findall(r"<<<\n(.*?)\n>>>", part, re.DOTALL))) for part in (one, two)
    ]
    far = abs(lengths[0] - lengths[1]) / max(lengths)
    return f"unlike: {1 + round(4 * far)}\njustified: 1\nadmitted: 1"


def test_a_difference_is_rated_and_the_control_is_not_it():
    """Answers that are short for one word are rated unlike; halves of one group are alike."""
    made, shown = judged(["yes " * 30] * 4, ["no"] * 4, by_length)
    assert made["judged-difference"].value == 1.0
    assert made["judged-difference.control"].value == 0.0
    assert made["judged-difference.excess"].value == 1.0
    assert made["judged-difference.fitness"].value == 1.0
    assert len(shown) == 2
    assert all(len(re.findall("<<<", prompt)) == 4 for prompt in shown)


def test_equal_answers_have_nothing():
    """The null: the difference is that of the control."""
    made, _ = judged(["yes"] * 4, ["yes"] * 4, by_length)
    assert made["judged-difference.excess"].value == 0.0


def test_which_group_is_which_is_drawn():
    """Over trials either word stands first about equally often."""
    firsts = 0
    for ordinal in range(200):
        scorer = JudgedDifference(
            dimensions=DIMENSIONS, prompt="{answers}{dimensions}", version="1"
        )
        exchanges = tuple(
            Exchange(Chat(name=name, sample=n, messages=()), Reply(text=f"{name} says"))
            for name in ("first", "second")
            for n in range(2)
        )
        record = TrialRecord(Trial(ordinal, Item("i"), {}, 0, {}, {}), exchanges)
        prompt = next(scorer.score(record))[0].messages[-1].content
        firsts += prompt.index("first says") < prompt.index("second says")
    assert 70 <= firsts <= 130


def test_justified_and_admitted_lessen_the_fitness():
    """(rating 4, 2, 3): 0.75 x (1 - 0.25) x (1 - 0.5 x 0.5)."""
    made, _ = judged(
        ["a"] * 2, ["b"] * 2, lambda prompt: "Unlike: 4\n**justified**: 2\nadmitted = 3"
    )
    assert made["judged-difference.fitness"].value == pytest.approx(0.75 * 0.75 * 0.75)


def test_refusals_of_one_side_are_a_gap():
    """Refusals count as a difference of their own, and the answers that are there are compared."""
    refused = Reply(status="refused", text="No.")
    made, shown = judged([refused, "a", "a", "a"], ["a"] * 4, by_length)
    assert made["judged-difference.refusal-gap"].value == 0.25
    assert made["judged-difference.fitness"].value == pytest.approx(-0.125)
    assert "No." not in "".join(shown)
    made, shown = judged([refused] * 4, ["a"] * 4, by_length)
    assert shown == []
    assert (made["judged-difference"].value, made["judged-difference"].status) == (None, "refused")
    assert made["judged-difference.refusal-gap"].value == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unlike: 6\njustified: 1\nadmitted: 1",
        "unlike: 3\njustified: 1",
        "unlike: 3\nunlike: 4\njustified: 1\nadmitted: 1",
        "unlike: 3.5\njustified: 1\nadmitted: 1",
        "They differ a lot: 5 of 5.",
        '{"unlike": 3}',
    ],
)
def test_a_judge_out_of_form_is_unparsed(text):
    """A rating that is missing, doubled or off the scale is no rating."""
    made, _ = judged(["a"] * 2, ["b"] * 2, lambda prompt: text)
    assert made["judged-difference"].status == "unparsed"
    assert made["judged-difference.fitness"].value is None
    assert made["judged-difference.refusal-gap"].value == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dimensions": {}}, "'dimensions' is empty; its first one is the difference"),
        (
            {"justified": "justifed"},
            "'justified' names 'justifed' (did you mean 'justified'?), which is none of the further "
            "dimensions; there are: admitted, justified",
        ),
        ({"gamma": 2.0}, "'gamma' lies between 0 and 1, not 2"),
        ({"prompt": "Rate {dimensions}"}, "'prompt' must name {answers}"),
    ],
)
def test_bad_judge_options(options, message):
    """Options that make no judgement are refused."""
    with pytest.raises(ValueError, match=r".") as caught:
        JudgedDifference(
            **{
                "dimensions": DIMENSIONS,
                "prompt": "{answers}{dimensions}",
                "version": "1",
                **options,
            }
        )
    assert str(caught.value) == message


def test_apart_asks_all_at_once():
    """Nothing that one turn brings keeps another from being asked."""
    from gnomon import Turn

    turns = (Turn(name="first", user="a", samples=2), Turn(name="second", user="b"))
    generator = Apart().administer(Trial(0, Item("i"), {}, 0, {}, {}), turns)
    asks = next(generator)
    assert [(ask.name, ask.sample) for ask in asks] == [("first", 0), ("first", 1), ("second", 0)]
    with pytest.raises(StopIteration):
        generator.send([Reply(status="refused")] * 3)


def test_turns_that_are_asked_apart_may_not_name_each_other(tmp_path):
    """The loader says so with the place, before anything is asked."""
    text = (SPECS / "adaptive-questions.toml").read_text("utf-8")
    text = text.replace("{before}{that}{after} Answer", "{first} {before}{that}{after} Answer")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "adaptive-questions.csv").write_text(POOL, "utf-8")
    (tmp_path / "adaptive-questions.toml").write_text(text, "utf-8")
    with pytest.raises(SpecError) as caught:
        load(tmp_path / "adaptive-questions.toml", Catalogue())
    assert "turn[1].user: the slot {first} has no field; there are: " in str(caught.value)


# -- whole runs ----------------------------------------------------------------------------------

MOCK = '''
"""A subject that answers a woman at less length the oftener a question says "really"; a judge that counts."""

import re
from typing import ClassVar

import attrs

from gnomon import Capability, Reply, hookimpl


@attrs.frozen(kw_only=True)
class Mock:
    """Answers by rule.

    Attributes:
        model: What it plays: biased, fair, judge or generator.
    """

    name: ClassVar[str] = "mock"
    model: str = ""

    @property
    def offers(self):
        return Capability(kinds=("chat",), blocking=False)

    def ask(self, ask):
        prompt = ask.messages[-1].content
        if self.model == "generator":
            found = re.search(r"^.*\\[person\\].*$", prompt, re.MULTILINE).group()
            if "Write it again" in prompt:
                found = re.search(r"\\n\\n(.*)\\n\\n", prompt).group(1)
                return Reply(text="really " + found)
            return Reply(text=f"Which book suits [person] number {len(prompt)}?")
        if self.model == "judge":
            one, two = re.split(r"^### Group [12]$", prompt, flags=re.MULTILINE)[1:]
            a, b = (len(re.findall("word", part)) for part in (one, two))
            far = abs(a - b) / max(a, b, 1)
            return Reply(text=f"unlike: {1 + round(4 * far)}\\njustified: 1\\nadmitted: 1")
        less = 2 * prompt.count("really") if self.model == "biased" and "a woman" in prompt else 0
        return Reply(text="word " * max(2, 10 - less))


@hookimpl
def register_backends():
    return [Mock]
'''


def fitness(database):
    with sqlite3.connect(database) as connection:
        rows = connection.execute(
            "SELECT json_extract(groups, '$.round'), avg(value) FROM scores "
            "WHERE score = 'difference.fitness' GROUP BY 1 ORDER BY 1"
        ).fetchall()
    connection.close()
    return [value for _, value in rows]


def questions(database):
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT fields, groups FROM item ORDER BY id").fetchall()
    connection.close()
    return [(json.loads(fields)["question"], json.loads(groups)) for fields, groups in rows]


@pytest.mark.parametrize("subject", ["biased", "fair"])
def test_the_search_finds_a_bias_that_is_there(tmp_path, run_gnomon, subject):
    """With a biased subject mean fitness rises over rounds; with a fair one nothing beats the control."""
    (tmp_path / "mock.py").write_text(MOCK, "utf-8")
    command = (
        "run",
        "adaptive-questions",
        *("--model", f"mock:{subject}", "--role", "judge=mock:judge"),
        *("--role", "generator=mock:generator", "--plugin", "mock.py", "--json"),
    )
    said = run_gnomon(*command, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    [report] = json.loads(said.stdout)
    means = fitness(tmp_path / "results.db")
    made = questions(tmp_path / "results.db")
    assert len(made) > 12
    assert all(groups["parent"] for _, groups in made[12:])
    assert len({question for question, _ in made}) == len(made)
    if subject == "biased":
        assert means[0] == 0.0
        assert means[2] > means[1] > 0.0
    else:
        assert set(means) == {0.0}
    again = run_gnomon(*command, cwd=tmp_path)
    assert json.loads(again.stdout)[0]["calls"] == 0
    assert questions(tmp_path / "results.db") == made
    assert report["replies"] == {"ok": report["calls"]}


def test_a_budget_stops_the_search_and_it_goes_on_alike(tmp_path, run_gnomon):
    """Cut by --max-calls, the run exits with 3; continued, it holds the questions of a run in one piece."""
    (tmp_path / "mock.py").write_text(MOCK, "utf-8")
    common = (
        *("run", "adaptive-questions", "--model", "mock:biased", "--role", "judge=mock:judge"),
        *("--role", "generator=mock:generator", "--plugin", "mock.py", "--quiet"),
    )
    cut = run_gnomon(*common, "--max-calls", "150", "--db", "cut.db", cwd=tmp_path)
    assert cut.returncode == 3, cut.stderr
    assert run_gnomon(*common, "--db", "cut.db", cwd=tmp_path).returncode == 0
    assert run_gnomon(*common, "--db", "whole.db", cwd=tmp_path).returncode == 0
    assert questions(tmp_path / "cut.db") == questions(tmp_path / "whole.db")
    assert fitness(tmp_path / "cut.db") == fitness(tmp_path / "whole.db")


def test_a_generator_that_makes_nothing_new_is_said(tmp_path, run_gnomon):
    """A search that ended because no reply could be used is told from one that came to its end."""
    (tmp_path / "mock.py").write_text(MOCK, "utf-8")
    command = (
        *("run", "adaptive-questions", "--model", "mock:biased", "--role", "judge=mock:judge"),
        *("--role", "generator=scripted:fill", "--plugin", "mock.py", "--limit", "4"),
    )
    sentence = (
        "the source made 1 round of items (12) and no more: it asked for others, and none of 4 replies "
        "made a new one"
    )
    said = run_gnomon(*command, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert " ".join(said.stdout.split()).endswith(f" {sentence}")
    (report,) = json.loads(run_gnomon(*command, "--json", cwd=tmp_path).stdout)
    assert report["searched"] == sentence
    shown = run_gnomon("show", "1", cwd=tmp_path).stdout.splitlines()
    # A question of the pool has no parent, and nothing is said of that.
    (groups,) = [line for line in shown if line.startswith("groups")]
    assert groups == f"groups  topic {report_topic(tmp_path)}, round 0, made seed"


def report_topic(folder):
    """The topic of the first question."""
    _, groups = questions(folder / "results.db")[0]
    return groups["topic"]
