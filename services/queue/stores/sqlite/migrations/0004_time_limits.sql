-- How long a prompt may take.

-- Seconds, 0 for any time.
ALTER TABLE prompts ADD COLUMN run_timeout REAL NOT NULL DEFAULT 0.0;
ALTER TABLE prompts ADD COLUMN total_timeout REAL NOT NULL DEFAULT 0.0;

-- The prompts whose time is kept, to be found after a restart.
CREATE INDEX prompts_limited ON prompts (id) WHERE finished_at IS NULL AND run_timeout + total_timeout > 0;
