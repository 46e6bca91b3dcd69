-- Finding prompts by state and workflow, by when they were submitted or how long they took.

ALTER TABLE prompts ADD COLUMN workflow_id TEXT NOT NULL DEFAULT '';
-- Seconds that the last attempt took.
ALTER TABLE prompts ADD COLUMN took REAL AS (coalesce(finished_at - started_at, 0.0)) VIRTUAL;

-- Equal entries of an index are in the order of their ids, which is that of submission.
CREATE INDEX prompts_by_state ON prompts (state);
CREATE INDEX prompts_by_duration ON prompts (state, took DESC);
CREATE INDEX prompts_of_workflow ON prompts (workflow_id, state) WHERE workflow_id <> '';
