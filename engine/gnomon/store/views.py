"""Views that say of every row whose it is: the measure and the model, and of a run how far it came.

One invariant: a row of a view is found as quickly as without what names it. What is counted is counted in a
subquery of its own column, and what only names is joined by a key.
"""

from __future__ import annotations

_MODEL = "subject.backend || ':' || subject.model"
_SUBJECT = "LEFT JOIN binding AS subject ON subject.run_id = run.id AND subject.role = 'subject'"

WHOSE = f"""
DROP VIEW runs;
DROP VIEW conversations;
DROP VIEW failures;

CREATE VIEW runs AS
SELECT run.id AS run, measure.name AS measure, measure.version AS version, measure.title AS title,
    {_MODEL} AS model, subject.options AS options, run.format AS format, run.seed AS seed,
    run.repeats AS repeats, run.trial_limit AS trial_limit,
    (SELECT count(*) FROM trial WHERE trial.run_id = run.id)
        - (SELECT count(*) FROM trial WHERE trial.run_id = run.id AND trial.finished = 0) AS finished,
    (SELECT json_extract(session.more, '$.planned') FROM session
        WHERE session.run_id = run.id AND json_extract(session.more, '$.planned') IS NOT NULL
        ORDER BY session.id DESC LIMIT 1) AS planned,
    (SELECT session.reason FROM session WHERE session.run_id = run.id
        ORDER BY session.id DESC LIMIT 1) AS ended,
    (SELECT sum(session.calls) FROM session WHERE session.run_id = run.id) AS calls,
    (SELECT sum(session.cost) FROM session WHERE session.run_id = run.id) AS cost,
    json_extract(run.versions, '$.gnomon') AS gnomon, run.started_at AS started_at,
    run.command AS command, spec.body AS spec
FROM run
JOIN measure ON measure.id = run.measure_id
JOIN text AS spec ON spec.id = measure.spec_id
{_SUBJECT};

CREATE VIEW conversations AS
SELECT ask.id AS ask, ask.trial_id AS trial, ask.run_id AS run, measure.name AS measure,
    {_MODEL} AS model, item.key AS item, ask.phase AS phase,
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
LEFT JOIN run ON run.id = ask.run_id
LEFT JOIN measure ON measure.id = run.measure_id
{_SUBJECT}
LEFT JOIN trial ON trial.id = ask.trial_id
LEFT JOIN item ON item.id = coalesce(trial.item_id, ask.item_id)
LEFT JOIN text AS system ON system.id = ask.system_id
LEFT JOIN text AS prompt ON prompt.id = ask.prompt_id;

CREATE VIEW failures AS
WITH failed AS (
    SELECT * FROM reply WHERE status NOT IN ('ok', 'truncated')
), asked AS (
    SELECT same.key AS key, min(ask.id) AS id FROM ask JOIN reply AS same ON same.id = ask.reply_id
    WHERE same.key IN (SELECT key FROM failed) GROUP BY same.key
)
SELECT 'reply' AS what, ask.run_id AS run, measure.name AS measure, {_MODEL} AS model,
    ask.trial_id AS trial, item.key AS item,
    json_extract(form.body, '$.role') AS role, json_extract(form.body, '$.name') AS name,
    failed.status AS status, failed.attempt AS attempt,
    coalesce(failed.error, failed.finish) AS reason, prompt.body AS prompt, failed.text AS reply
FROM failed
LEFT JOIN asked ON asked.key = failed.key
LEFT JOIN ask ON ask.id = asked.id
LEFT JOIN run ON run.id = ask.run_id
LEFT JOIN measure ON measure.id = run.measure_id
{_SUBJECT}
LEFT JOIN text AS form ON form.id = ask.form_id
LEFT JOIN text AS prompt ON prompt.id = ask.prompt_id
LEFT JOIN trial ON trial.id = ask.trial_id
LEFT JOIN item ON item.id = coalesce(trial.item_id, ask.item_id)
UNION ALL
SELECT 'score', scores.run, scores.measure, scores.model, scores.trial, scores.item, NULL,
    scores.score, scores.status, NULL, scores.detail, prompt.body, reply.text
FROM scores
LEFT JOIN ask ON ask.id = (
    SELECT max(last.id) FROM ask AS last WHERE last.trial_id = scores.trial AND last.phase = 'trial')
LEFT JOIN text AS prompt ON prompt.id = ask.prompt_id
LEFT JOIN reply ON reply.id = ask.reply_id
WHERE scores.status NOT IN ('ok', 'truncated');
"""  # noqa: S608 -- constants of our own
"""The views as the migration ``whose-views`` makes them; like all migrations it is not edited after a release."""
