-- Who is told of a prompt's end, and what is to be sent.

ALTER TABLE payloads ADD COLUMN webhook_urls TEXT NOT NULL DEFAULT '[]';  -- JSON list

-- They outlive their prompt: clearing the history is no reason not to tell.
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    delivery_id TEXT NOT NULL UNIQUE,
    prompt_id TEXT NOT NULL,
    url TEXT NOT NULL,
    event_type TEXT NOT NULL,
    payload BLOB NOT NULL,  -- JSON, as it is sent
    created_at REAL NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at REAL,
    settled_at REAL,
    last_error TEXT NOT NULL
) STRICT;

CREATE INDEX deliveries_due ON deliveries (next_attempt_at, id) WHERE state = 'pending';
CREATE INDEX deliveries_settled ON deliveries (state, settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX deliveries_of_prompt ON deliveries (prompt_id);
CREATE INDEX deliveries_by_state ON deliveries (state);
