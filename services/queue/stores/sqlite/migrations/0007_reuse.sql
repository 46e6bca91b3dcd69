-- Prompts that may be answered from earlier ones.

-- Of what the result depends on; NULL for prompts that take no part.
ALTER TABLE prompts ADD COLUMN reuse_digest BLOB;
-- The prompt that was run in the place of this one; empty for those that ran themselves.
ALTER TABLE prompts ADD COLUMN reused_from TEXT NOT NULL DEFAULT '';

CREATE INDEX prompts_reusable ON prompts (reuse_digest, user_id, finished_at)
WHERE reuse_digest IS NOT NULL AND state = 'succeeded';
