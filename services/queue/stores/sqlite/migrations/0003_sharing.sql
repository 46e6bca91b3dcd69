-- Whose prompts are, what they need, and the order in which users take turns.

ALTER TABLE prompts ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
ALTER TABLE prompts ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE prompts ADD COLUMN placement INTEGER NOT NULL DEFAULT 0;
ALTER TABLE prompts ADD COLUMN tag REAL NOT NULL DEFAULT 0.0;
-- Times that a later prompt was preferred.
ALTER TABLE prompts ADD COLUMN passed_over INTEGER NOT NULL DEFAULT 0;

DROP INDEX prompts_pending;
CREATE INDEX prompts_pending ON prompts (priority DESC, tag, number, id) WHERE state = 'pending';
CREATE INDEX prompts_waiting ON prompts (user_id, priority, number, placement) WHERE state = 'pending';

CREATE TABLE shares (
    priority INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    finish REAL NOT NULL,
    PRIMARY KEY (priority, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE virtual_times (
    priority INTEGER PRIMARY KEY,
    tag REAL NOT NULL
) STRICT;

CREATE TABLE requirements (
    placement INTEGER PRIMARY KEY,
    body BLOB NOT NULL  -- MessagePack
) STRICT;
