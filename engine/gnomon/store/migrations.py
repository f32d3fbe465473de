"""The schema, as named migrations of sqlite-utils.

One invariant: a migration that was released is never edited; a change of the schema is a new migration at the
end of the list. Each runs in a transaction of its own, so a process killed half-way leaves a database
that the next one finishes.

Ids are whole numbers given in order of arrival, so every table grows at its end; what must be found by
content (texts, items, replies) has a 16-byte hash. Long repeated texts are stored once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gnomon.store.dictionary import rows as dictionary_rows
from gnomon.store.views import WHOSE

if TYPE_CHECKING:
    from sqlite_utils.migrations import Migrations

APPLICATION_ID = 0x676E6F6D  # "gnom"
SET = "gnomon"
NAMES = ("tables", "views", "locks", "specs-of-passes", "whose-views")
"""The migrations in order."""

_TABLES = """
CREATE TABLE text (id INTEGER PRIMARY KEY, body TEXT NOT NULL, exact BLOB) STRICT;
CREATE TABLE text_hash (
    hash BLOB PRIMARY KEY, text_id INTEGER NOT NULL REFERENCES text (id)
) STRICT, WITHOUT ROWID;
CREATE TABLE measure (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, title TEXT NOT NULL,
    spec_id INTEGER NOT NULL REFERENCES text (id), UNIQUE (name, spec_id)
) STRICT;
CREATE TABLE run (
    id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, key BLOB NOT NULL,
    measure_id INTEGER NOT NULL REFERENCES measure (id),
    seed INTEGER NOT NULL, repeats INTEGER NOT NULL, trial_limit INTEGER, format TEXT NOT NULL,
    plan TEXT, command TEXT, versions TEXT, git_commit TEXT, git_dirty INTEGER,
    executor TEXT NOT NULL, imported TEXT, started_at TEXT NOT NULL
) STRICT;
CREATE INDEX run_by_key ON run (key);
CREATE TABLE binding (
    run_id INTEGER NOT NULL REFERENCES run (id), role TEXT NOT NULL, backend TEXT NOT NULL,
    model TEXT NOT NULL, options TEXT, identity TEXT, PRIMARY KEY (run_id, role)
) STRICT, WITHOUT ROWID;
CREATE TABLE served (
    run_id INTEGER NOT NULL REFERENCES run (id), role TEXT NOT NULL, model TEXT NOT NULL,
    PRIMARY KEY (run_id, role, model)
) STRICT, WITHOUT ROWID;
CREATE TABLE plugin (
    run_id INTEGER NOT NULL REFERENCES run (id), kind TEXT NOT NULL, name TEXT NOT NULL,
    distribution TEXT NOT NULL, version TEXT NOT NULL, options TEXT
) STRICT;
CREATE INDEX plugin_by_run ON plugin (run_id);
CREATE TABLE session (
    id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES run (id), started_at TEXT NOT NULL,
    ended_at TEXT, reason TEXT, calls INTEGER, cached INTEGER, seconds REAL, cost REAL,
    command TEXT, versions TEXT, more TEXT
) STRICT;
CREATE INDEX session_by_run ON session (run_id);
CREATE TABLE item (
    id INTEGER PRIMARY KEY, hash BLOB NOT NULL, key TEXT NOT NULL, fields TEXT, groups TEXT,
    gold ANY, exact TEXT
) STRICT;
CREATE UNIQUE INDEX item_by_hash ON item (hash);
CREATE TABLE condition (
    id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, format TEXT NOT NULL, levels TEXT,
    fields TEXT, hidden TEXT, joined TEXT
) STRICT;
CREATE TABLE trial (
    id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES run (id), ordinal INTEGER NOT NULL,
    item_id INTEGER NOT NULL REFERENCES item (id),
    condition_id INTEGER NOT NULL REFERENCES condition (id),
    repeat INTEGER NOT NULL, draws TEXT, finished INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX trial_by_ordinal ON trial (run_id, ordinal);
CREATE INDEX trial_begun ON trial (run_id, ordinal) WHERE finished = 0;
CREATE TABLE reply (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL, attempt INTEGER NOT NULL, status TEXT NOT NULL,
    text TEXT NOT NULL, text_exact BLOB, finish TEXT, probabilities TEXT, is_exact INTEGER,
    coverage REAL, tokens BLOB, vectors BLOB, vectors_form TEXT, missing TEXT,
    tokens_in INTEGER, tokens_out INTEGER, cost REAL, model_id INTEGER REFERENCES text (id),
    raw BLOB, raw_base_id INTEGER REFERENCES text (id), error TEXT, seconds REAL,
    received_at INTEGER NOT NULL
) STRICT;
CREATE INDEX reply_by_key ON reply (key);
CREATE INDEX reply_failed ON reply (status) WHERE status NOT IN ('ok', 'truncated');
CREATE TABLE ask (
    id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES run (id),
    trial_id INTEGER REFERENCES trial (id), item_id INTEGER REFERENCES item (id),
    phase TEXT NOT NULL, position INTEGER NOT NULL,
    form_id INTEGER NOT NULL REFERENCES text (id), sample INTEGER NOT NULL, seed INTEGER,
    system_id INTEGER REFERENCES text (id), prompt_id INTEGER REFERENCES text (id),
    messages TEXT, reply_id INTEGER NOT NULL REFERENCES reply (id), cached INTEGER NOT NULL
) STRICT;
CREATE INDEX ask_by_trial ON ask (trial_id) WHERE trial_id IS NOT NULL;
CREATE TABLE scoring (
    id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES run (id), pass INTEGER NOT NULL,
    started_at TEXT NOT NULL, UNIQUE (run_id, pass)
) STRICT;
CREATE TABLE score_name (
    id INTEGER PRIMARY KEY, scorer TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (scorer, name)
) STRICT;
CREATE TABLE score (
    id INTEGER PRIMARY KEY, scoring_id INTEGER NOT NULL REFERENCES scoring (id),
    trial_id INTEGER REFERENCES trial (id), item_id INTEGER REFERENCES item (id),
    name_id INTEGER NOT NULL REFERENCES score_name (id), value REAL, status TEXT NOT NULL,
    detail TEXT, CHECK ((trial_id IS NULL) <> (item_id IS NULL))
) STRICT;
CREATE INDEX score_by_trial ON score (scoring_id, trial_id);
CREATE INDEX score_by_item ON score (item_id) WHERE item_id IS NOT NULL;
CREATE TABLE estimate (
    id INTEGER PRIMARY KEY, scoring_id INTEGER NOT NULL REFERENCES scoring (id),
    statistic TEXT NOT NULL, of TEXT NOT NULL, "group" TEXT, quantity TEXT NOT NULL, value REAL,
    low REAL, high REAL, level REAL, error REAL, test TEXT, test_value REAL, df REAL, df2 REAL,
    p REAL, log10_p REAL, effect TEXT, effect_value REAL, effect_low REAL, effect_high REAL,
    n INTEGER, method TEXT NOT NULL, note TEXT, detail TEXT, counts TEXT, p_corrected REAL,
    correction TEXT, family TEXT, family_size INTEGER
) STRICT;
CREATE INDEX estimate_by_scoring ON estimate (scoring_id);
CREATE TABLE dictionary (
    object TEXT NOT NULL, column TEXT NOT NULL, meaning TEXT NOT NULL,
    PRIMARY KEY (object, column)
) STRICT, WITHOUT ROWID;
"""

_LOCKS = """
CREATE TABLE lock (
    id INTEGER PRIMARY KEY, session_id INTEGER NOT NULL REFERENCES session (id),
    run_id INTEGER NOT NULL REFERENCES run (id), text_id INTEGER NOT NULL REFERENCES text (id),
    label TEXT NOT NULL CHECK (label IN ('confirmatory', 'exploratory')), differences TEXT
) STRICT;
CREATE INDEX lock_by_run ON lock (run_id);
"""

_NEWEST = """NOT EXISTS (
    SELECT 1 FROM scoring AS later WHERE later.run_id = scoring.run_id AND later.pass > scoring.pass
)"""
_MODEL = "subject.backend || ':' || subject.model"

_VIEWS = f"""
CREATE VIEW runs AS
SELECT run.id AS run, measure.name AS measure, measure.version AS version, measure.title AS title,
    {_MODEL} AS model, run.format AS format, run.seed AS seed, run.repeats AS repeats,
    run.trial_limit AS trial_limit, run.started_at AS started_at, run.command AS command,
    spec.body AS spec
FROM run
JOIN measure ON measure.id = run.measure_id
JOIN text AS spec ON spec.id = measure.spec_id
LEFT JOIN binding AS subject ON subject.run_id = run.id AND subject.role = 'subject';

CREATE VIEW trials AS
SELECT trial.id AS trial, run.id AS run, measure.name AS measure, {_MODEL} AS model,
    condition.format AS format, item.key AS item, item.groups AS groups, item.fields AS fields,
    item.gold AS gold, condition.levels AS levels, trial.repeat AS repeat, trial.ordinal AS ordinal,
    trial.draws AS draws, trial.finished AS finished, system.body AS system, prompt.body AS prompt,
    reply.text AS reply, reply.status AS status, reply.error AS error, ask.cached AS cached
FROM trial
JOIN run ON run.id = trial.run_id
JOIN measure ON measure.id = run.measure_id
JOIN item ON item.id = trial.item_id
JOIN condition ON condition.id = trial.condition_id
LEFT JOIN binding AS subject ON subject.run_id = run.id AND subject.role = 'subject'
LEFT JOIN ask ON ask.id = (
    SELECT max(last.id) FROM ask AS last WHERE last.trial_id = trial.id AND last.phase = 'trial')
LEFT JOIN text AS system ON system.id = ask.system_id
LEFT JOIN text AS prompt ON prompt.id = ask.prompt_id
LEFT JOIN reply ON reply.id = ask.reply_id;

CREATE VIEW conversations AS
SELECT ask.id AS ask, ask.trial_id AS trial, ask.run_id AS run, ask.phase AS phase,
    ask.position AS position, json_extract(form.body, '$.role') AS role,
    json_extract(form.body, '$.name') AS name, json_extract(form.body, '$.kind') AS kind,
    system.body AS system, prompt.body AS prompt,
    CASE WHEN ask.messages IS NULL THEN prompt.body ELSE (
        SELECT group_concat(said.line, char(10) || char(10)) FROM (
            SELECT json_extract(part.value, '$[0]') || ': ' || text.body AS line
            FROM json_each(ask.messages) AS part
            JOIN text ON text.id = json_extract(part.value, '$[1]') ORDER BY part.key) AS said
    ) END AS messages,
    reply.text AS reply, reply.status AS status, reply.probabilities AS probabilities,
    reply.tokens_in AS tokens_in, reply.tokens_out AS tokens_out, reply.cost AS cost,
    reply.seconds AS seconds, reply.error AS error, ask.cached AS cached, form.body AS form
FROM ask
JOIN text AS form ON form.id = ask.form_id
JOIN reply ON reply.id = ask.reply_id
LEFT JOIN text AS system ON system.id = ask.system_id
LEFT JOIN text AS prompt ON prompt.id = ask.prompt_id;

CREATE VIEW scores AS
SELECT run.id AS run, measure.name AS measure, {_MODEL} AS model, run.format AS format,
    scoring.pass AS pass, score.trial_id AS trial, item.key AS item, item.groups AS groups,
    condition.levels AS levels, trial.repeat AS repeat, score_name.scorer AS scorer,
    score_name.name AS score, score.value AS value, score.status AS status, score.detail AS detail
FROM score
JOIN score_name ON score_name.id = score.name_id
JOIN scoring ON scoring.id = score.scoring_id
JOIN run ON run.id = scoring.run_id
JOIN measure ON measure.id = run.measure_id
LEFT JOIN trial ON trial.id = score.trial_id
LEFT JOIN condition ON condition.id = trial.condition_id
JOIN item ON item.id = coalesce(score.item_id, trial.item_id)
LEFT JOIN binding AS subject ON subject.run_id = run.id AND subject.role = 'subject'
WHERE {_NEWEST};

CREATE VIEW results AS
SELECT run.id AS run, measure.name AS measure, {_MODEL} AS model, run.format AS format,
    scoring.pass AS pass, estimate.statistic AS statistic, estimate.of AS of,
    estimate."group" AS "group", estimate.quantity AS quantity, estimate.value AS value,
    estimate.low AS low, estimate.high AS high, estimate.level AS level, estimate.error AS error,
    estimate.test AS test, estimate.test_value AS test_value, estimate.df AS df,
    estimate.df2 AS df2, estimate.p AS p, estimate.p_corrected AS p_corrected,
    estimate.correction AS correction, estimate.family AS family,
    estimate.family_size AS family_size, estimate.effect AS effect,
    estimate.effect_value AS effect_value, estimate.effect_low AS effect_low,
    estimate.effect_high AS effect_high, estimate.n AS n,
    coalesce(json_extract(estimate.counts, '$.refused'), 0) AS refused,
    coalesce(json_extract(estimate.counts, '$.filtered'), 0) AS filtered,
    coalesce(json_extract(estimate.counts, '$.truncated'), 0) AS truncated,
    coalesce(json_extract(estimate.counts, '$.unparsed'), 0) AS unparsed,
    coalesce(json_extract(estimate.counts, '$.error'), 0) AS failed,
    estimate.method AS method, estimate.note AS note, estimate.detail AS detail
FROM estimate
JOIN scoring ON scoring.id = estimate.scoring_id
JOIN run ON run.id = scoring.run_id
JOIN measure ON measure.id = run.measure_id
LEFT JOIN binding AS subject ON subject.run_id = run.id AND subject.role = 'subject'
WHERE {_NEWEST};

CREATE VIEW failures AS
WITH failed AS (
    SELECT * FROM reply WHERE status NOT IN ('ok', 'truncated')
), asked AS (
    SELECT same.key AS key, min(ask.id) AS id FROM ask JOIN reply AS same ON same.id = ask.reply_id
    WHERE same.key IN (SELECT key FROM failed) GROUP BY same.key
)
SELECT 'reply' AS what, ask.run_id AS run, ask.trial_id AS trial, item.key AS item,
    json_extract(form.body, '$.role') AS role, json_extract(form.body, '$.name') AS name,
    failed.status AS status, failed.attempt AS attempt,
    coalesce(failed.error, failed.finish) AS reason, prompt.body AS prompt, failed.text AS reply
FROM failed
LEFT JOIN asked ON asked.key = failed.key
LEFT JOIN ask ON ask.id = asked.id
LEFT JOIN text AS form ON form.id = ask.form_id
LEFT JOIN text AS prompt ON prompt.id = ask.prompt_id
LEFT JOIN trial ON trial.id = ask.trial_id
LEFT JOIN item ON item.id = coalesce(trial.item_id, ask.item_id)
UNION ALL
SELECT 'score', scores.run, scores.trial, scores.item, NULL, scores.score, scores.status, NULL,
    scores.detail, prompt.body, reply.text
FROM scores
LEFT JOIN ask ON ask.id = (
    SELECT max(last.id) FROM ask AS last WHERE last.trial_id = scores.trial AND last.phase = 'trial')
LEFT JOIN text AS prompt ON prompt.id = ask.prompt_id
LEFT JOIN reply ON reply.id = ask.reply_id
WHERE scores.status NOT IN ('ok', 'truncated');
"""  # noqa: S608 -- constants of our own


def _statements(script: str) -> list[str]:
    return [part for part in (piece.strip() for piece in script.split(";\n")) if part]


def migrations() -> Migrations:
    """The migrations, for sqlite-utils to apply."""
    from sqlite_utils.migrations import Migrations

    found = Migrations(SET)

    @found(name="tables")
    def tables(db: Any) -> None:
        for statement in _statements(_TABLES):
            db.execute(statement)
        # In the same transaction as the tables: a database is either marked and has them, or is neither.
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    @found(name="views")
    def views(db: Any) -> None:
        for statement in _statements(_VIEWS):
            db.execute(statement)

    @found(name="locks")
    def locks(db: Any) -> None:
        for statement in _statements(_LOCKS):
            db.execute(statement)

    @found(name="specs-of-passes")
    def specs_of_passes(db: Any) -> None:
        db.execute("ALTER TABLE scoring ADD COLUMN spec_id INTEGER REFERENCES text (id)")

    @found(name="whose-views")
    def whose_views(db: Any) -> None:
        for statement in _statements(WHOSE):
            db.execute(statement)

    return found


def applied(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Names of the migrations that a database has had, read without sqlite-utils."""
    exists = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'"
    ).fetchone()
    if not exists:
        return ()
    found = connection.execute(
        "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY id", (SET,)
    )
    return tuple(name for (name,) in found)


def create(connection: sqlite3.Connection, names: Sequence[str]) -> None:
    """Make the schema that a database had after these migrations, in a file that has none."""
    from sqlite_utils import Database

    later = NAMES[len(names) :]
    migrations().apply(Database(connection, execute_plugins=False), stop_before=later or None)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest schema, and its dictionary up to date."""
    if applied(connection) != NAMES:
        from sqlite_utils import Database

        migrations().apply(Database(connection, execute_plugins=False))
    wanted = sorted(dictionary_rows())
    stored = connection.execute("SELECT object, column, meaning FROM dictionary").fetchall()
    if sorted(stored) != wanted:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM dictionary")
        connection.executemany("INSERT INTO dictionary VALUES (?, ?, ?)", wanted)
        connection.execute("COMMIT")
