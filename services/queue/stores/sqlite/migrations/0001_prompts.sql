-- Prompts, what they carry, what happened to them; the catalogue; the counter of numbers.

-- The row that changes with every step of a prompt's life is kept narrow; what never changes is in payloads.
CREATE TABLE prompts (
    id INTEGER PRIMARY KEY,  -- order of submission
    prompt_id TEXT NOT NULL UNIQUE,
    client_id TEXT NOT NULL,
    state TEXT NOT NULL,
    number REAL NOT NULL,
    submitted_at REAL NOT NULL,
    started_at REAL,
    finished_at REAL,
    attempts TEXT NOT NULL,  -- JSON list of attempts
    failures INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    attempt_sequence INTEGER NOT NULL,
    lease_token TEXT,
    lease_until REAL,
    interrupt_requested INTEGER NOT NULL
) STRICT;

CREATE INDEX prompts_pending ON prompts (number, id) WHERE state = 'pending';
CREATE INDEX prompts_running ON prompts (started_at, id) WHERE state = 'running';
-- The state is in the index so that a page of some terminal states is found without touching the rows of others.
CREATE INDEX prompts_finished ON prompts (finished_at, id, state) WHERE finished_at IS NOT NULL;

CREATE TABLE payloads (
    id INTEGER PRIMARY KEY REFERENCES prompts (id) ON DELETE CASCADE,
    graph_json BLOB NOT NULL,
    extra_data_json BLOB NOT NULL,
    output_node_ids TEXT NOT NULL,  -- JSON list
    node_errors_json BLOB NOT NULL,
    content_digest BLOB NOT NULL
) STRICT;

CREATE TABLE events (
    prompt INTEGER NOT NULL REFERENCES prompts (id) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    happened_at REAL NOT NULL,
    queue_remaining INTEGER NOT NULL,
    body BLOB NOT NULL,  -- MessagePack
    PRIMARY KEY (prompt, sequence)
) STRICT, WITHOUT ROWID;

-- How many prompts are in which state, kept by triggers: counting a long history would read all of it.
CREATE TABLE tallies (
    state TEXT PRIMARY KEY,
    prompts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO tallies (state, prompts) VALUES
    ('pending', 0), ('running', 0), ('succeeded', 0), ('failed', 0), ('interrupted', 0), ('cancelled', 0);

CREATE TRIGGER prompts_added AFTER INSERT ON prompts BEGIN
    UPDATE tallies SET prompts = prompts + 1 WHERE state = NEW.state;
END;

CREATE TRIGGER prompts_moved AFTER UPDATE OF state ON prompts WHEN OLD.state <> NEW.state BEGIN
    UPDATE tallies SET prompts = prompts - 1 WHERE state = OLD.state;
    UPDATE tallies SET prompts = prompts + 1 WHERE state = NEW.state;
END;

CREATE TRIGGER prompts_forgotten AFTER DELETE ON prompts BEGIN
    UPDATE tallies SET prompts = prompts - 1 WHERE state = OLD.state;
END;

CREATE TABLE catalogue (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    digest TEXT NOT NULL,
    definitions_json BLOB NOT NULL
) STRICT;

CREATE TABLE numbers (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    next INTEGER NOT NULL
) STRICT;

INSERT INTO numbers (only_row, next) VALUES (1, 0);
