"""The questions people ask of a database, each as SQL that anyone may read, run and change.

One invariant: a question asks only the views and tables of the dictionary, so what it shows is explained there.
Parameters that are left empty ask for everything.
"""

from __future__ import annotations

from typing import Any

_RUN = "run = CASE WHEN :run = '' THEN run ELSE CAST(:run AS INTEGER) END"
_NUMBER = "number of a run, or nothing for all"
# Counting before joining: a million scores are gone through once, and only their sums are given names.
_COUNTED = """WITH newest AS (
  SELECT id, run_id AS run, max(pass) AS pass FROM scoring GROUP BY run_id
), counted AS (
  SELECT scoring_id, name_id, {key}
  FROM score{joined}
  WHERE scoring_id IN (SELECT id FROM newest WHERE [run])
  GROUP BY scoring_id, name_id, {by}
)"""

QUESTIONS: dict[str, tuple[str, str, str]] = {
    "what-was-measured": (
        "What was measured?",
        "Every run with its measure, model and how many of its trials are finished; where some are not, why.",
        """SELECT run, measure, version, model, options, format, finished, planned, ended, repeats, gnomon,
  started_at
FROM runs
ORDER BY run""",
    ),
    "what-was-found": (
        "What was found over all?",
        "Estimates over all rows of a run, with interval, n and what is missing.",
        """SELECT run, measure, model, statistic, of, quantity, round(value, 4) AS value, round(low, 4) AS low,
  round(high, 4) AS high, level, p, n, refused, filtered, truncated, unparsed, failed, method, note
FROM results
WHERE "group" IS NULL
ORDER BY measure, statistic, run""",
    ),
    "what-differs-by-group": (
        "How do groups differ?",
        f"Estimates by group, greatest first. run: {_NUMBER}.",
        """SELECT run, model, statistic, of, "group", quantity, round(value, 4) AS value, round(low, 4) AS low,
  round(high, 4) AS high, p, p_corrected, correction, family_size, n, note
FROM results
WHERE "group" IS NOT NULL AND [run]
ORDER BY statistic, of, value DESC""",
    ),
    "what-survives-correction": (
        "Which tests survive correction?",
        "Every test with its p-value and, where the measure corrects a family of tests, the corrected one; smallest "
        f"first. run: {_NUMBER}; level: how small p is at most, 0.05 unless given.",
        """SELECT run, measure, model, statistic, of, coalesce("group", 'all') AS "group", quantity,
  round(value, 4) AS value, p, p_corrected, correction, family_size, n
FROM results
WHERE [run] AND coalesce(p_corrected, p) <= CASE WHEN :level = '' THEN 0.05 ELSE CAST(:level AS REAL) END
ORDER BY run, p_corrected IS NULL, coalesce(p_corrected, p)""",
    ),
    "how-do-models-compare": (
        "How do models compare?",
        "The same estimate of every model, side by side: one line for each, models under each other.",
        """SELECT measure, statistic, of, quantity, coalesce("group", 'all') AS "group", model, run,
  round(value, 4) AS value, round(low, 4) AS low, round(high, 4) AS high, n
FROM results
WHERE value IS NOT NULL
ORDER BY measure, statistic, of, quantity, "group", value DESC""",
    ),
    "which-items-score-most": (
        "Which items score most, and least?",
        f"Mean score by item. run: {_NUMBER}.",
        _COUNTED.format(
            key="coalesce(score.item_id, trial.item_id) AS item_id,\n"
            "    avg(value) AS mean, count(value) AS n, count(*) - count(value) AS missing",
            joined="\n  LEFT JOIN trial ON trial.id = score.trial_id",
            by="coalesce(score.item_id, trial.item_id)",
        )
        + """
SELECT run, score_name.name AS score, item.key AS item, round(mean, 4) AS mean, n, missing
FROM counted
JOIN newest ON newest.id = counted.scoring_id
JOIN score_name ON score_name.id = counted.name_id
JOIN item ON item.id = counted.item_id
ORDER BY run, score, mean DESC""",
    ),
    "does-the-wording-matter": (
        "Does the wording matter?",
        "Mean score under each level of each factor, as it is; whether a difference is more than chance is said "
        f"by: gnomon results --effects. run: {_NUMBER}.",
        _COUNTED.format(
            key="condition_id, sum(value) AS total, count(value) AS n",
            joined="\n  JOIN trial ON trial.id = score.trial_id",
            by="condition_id",
        )
        + """
SELECT run, score_name.name AS score, level.key AS factor, level.value AS level,
  round(sum(total) / sum(n), 4) AS mean, sum(n) AS n
FROM counted
JOIN newest ON newest.id = counted.scoring_id
JOIN score_name ON score_name.id = counted.name_id
JOIN condition ON condition.id = counted.condition_id, json_each(condition.levels) AS level
GROUP BY run, score, factor, level.value
ORDER BY run, score, factor, mean DESC""",
    ),
    "what-is-missing": (
        "What is missing, and why?",
        f"Scores by status: ok, truncated, refused, filtered, unparsed, error. A missing score is never counted as 0. run: {_NUMBER}.",
        _COUNTED.format(key="status, count(*) AS scores", joined="", by="status")
        + """
SELECT runs.run, runs.measure, runs.model, score_name.name AS score, status, scores
FROM counted
JOIN newest ON newest.id = counted.scoring_id
JOIN runs ON runs.run = newest.run
JOIN score_name ON score_name.id = counted.name_id
ORDER BY runs.run, score, scores DESC""",
    ),
    "what-could-not-be-read": (
        "Which replies could not be read?",
        f"The commonest replies that gave no number. run: {_NUMBER}.",
        """SELECT measure, model, status, count(DISTINCT trial) AS trials, reply, min(trial) AS first_trial, reason
FROM failures
WHERE what = 'score' AND [run]
GROUP BY measure, model, status, reply
ORDER BY trials DESC
LIMIT 50""",
    ),
    "what-was-asked": (
        "What was asked, and what was answered?",
        f"Whole conversations in the order of the plan, the first 50. run: {_NUMBER}; text: words that the prompt or the reply "
        "holds, or nothing.",
        """SELECT run, measure, model, trial, item, phase, role, system, messages, reply, status
FROM conversations
WHERE [run] AND (:text = '' OR messages LIKE '%' || :text || '%' OR reply LIKE '%' || :text || '%')
ORDER BY ask
LIMIT 50""",
    ),
    "what-it-cost": (
        "What did it cost?",
        "Calls, tokens, seconds and US dollars of every invocation.",
        """SELECT session.run_id AS run, runs.measure, runs.model, session.started_at, session.ended_at,
  session.reason, session.calls, session.cached, round(session.seconds, 1) AS seconds, session.cost
FROM session JOIN runs ON runs.run = session.run_id
ORDER BY session.id""",
    ),
}
"""Name → title, what it answers, SQL."""


def canned() -> dict[str, dict[str, Any]]:
    """The questions as Datasette wants them."""
    return {
        name: {"title": title, "description": description, "sql": sql.replace("[run]", _RUN)}
        for name, (title, description, sql) in QUESTIONS.items()
    }
