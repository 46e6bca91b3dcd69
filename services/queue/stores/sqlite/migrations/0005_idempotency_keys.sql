-- The keys of submissions that are to be taken once, with the answers to the first ones: they outlive prompts that are
-- forgotten.

CREATE TABLE idempotency_keys (
    id INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL,
    key TEXT NOT NULL,
    digest BLOB NOT NULL,
    expires_at REAL NOT NULL,
    prompt_id TEXT NOT NULL,
    number REAL NOT NULL,
    node_errors_json BLOB NOT NULL,
    UNIQUE (user_id, key)
) STRICT;

CREATE INDEX idempotency_keys_by_end ON idempotency_keys (expires_at);
