-- Prompts, what they carry, what happened to them; whose turn it is; whom to tell; the catalogue.

-- The row that changes with every step of a prompt's life is kept narrow; what never changes is in payloads. There are no
-- foreign keys: what belongs to a prompt is deleted by the statement that deletes it, and a check for each event would cost
-- more than the event.
CREATE TABLE prompts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- order of submission
    prompt_id text COLLATE "C" NOT NULL UNIQUE,
    client_id text COLLATE "C" NOT NULL,
    workflow_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    priority integer NOT NULL,
    placement bigint NOT NULL,
    number double precision NOT NULL,
    tag double precision NOT NULL,
    passed_over integer NOT NULL DEFAULT 0,  -- times that a later prompt was preferred
    state text COLLATE "C" NOT NULL,
    submitted_at double precision NOT NULL,
    started_at double precision,
    finished_at double precision,
    attempts text NOT NULL,  -- JSON list of attempts
    failures integer NOT NULL,
    sequence integer NOT NULL,
    attempt_sequence integer NOT NULL,
    lease_token text COLLATE "C",
    lease_until double precision,
    interrupt_requested boolean NOT NULL,
    run_timeout double precision NOT NULL,  -- seconds, 0 for any time
    total_timeout double precision NOT NULL,
    -- Seconds that the last attempt took.
    took double precision NOT NULL GENERATED ALWAYS AS (coalesce(finished_at - started_at, 0.0)) STORED
);

CREATE INDEX prompts_pending ON prompts (priority DESC, tag, number, id) WHERE state = 'pending';
CREATE INDEX prompts_waiting ON prompts (user_id, priority, number, placement) WHERE state = 'pending';
CREATE INDEX prompts_running ON prompts (started_at, id) WHERE state = 'running';
-- The state is in the index so that a page of some terminal states is found without touching the rows of others.
CREATE INDEX prompts_finished ON prompts (finished_at, id) INCLUDE (state) WHERE finished_at IS NOT NULL;
CREATE INDEX prompts_by_state ON prompts (state, id);
CREATE INDEX prompts_by_duration ON prompts (state, took DESC, id);
CREATE INDEX prompts_of_workflow ON prompts (workflow_id, state, id) WHERE workflow_id <> '';
-- The prompts whose time is kept, to be found after a restart.
CREATE INDEX prompts_limited ON prompts (id) WHERE finished_at IS NULL AND run_timeout + total_timeout > 0;

CREATE TABLE payloads (
    id bigint PRIMARY KEY,
    graph_json bytea NOT NULL,
    extra_data_json bytea NOT NULL,
    output_node_ids text NOT NULL,  -- JSON list
    node_errors_json bytea NOT NULL,
    content_digest bytea NOT NULL,
    webhook_urls text NOT NULL  -- JSON list
);

CREATE TABLE events (
    prompt bigint NOT NULL,
    sequence integer NOT NULL,
    happened_at double precision NOT NULL,
    queue_remaining integer NOT NULL,
    body bytea NOT NULL,  -- MessagePack
    PRIMARY KEY (prompt, sequence)
);

-- How many prompts are in which state, in shards: each replica adds to one of them, and waits for no other.
CREATE TABLE tallies (
    shard integer NOT NULL,
    state text COLLATE "C" NOT NULL,
    prompts bigint NOT NULL,
    PRIMARY KEY (shard, state)
) WITH (fillfactor = 50);

CREATE TABLE shares (
    priority integer NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    finish double precision NOT NULL,
    PRIMARY KEY (priority, user_id)
) WITH (fillfactor = 50);

CREATE TABLE virtual_times (
    priority integer PRIMARY KEY,
    tag double precision NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE requirements (
    placement bigint PRIMARY KEY,
    body bytea NOT NULL  -- MessagePack
);

CREATE TABLE catalogue (
    only_row integer PRIMARY KEY CHECK (only_row = 1),
    digest text NOT NULL,
    definitions_json bytea NOT NULL
);

CREATE SEQUENCE numbers AS bigint MINVALUE 0 START 0;

-- The keys of submissions that are to be taken once, with the answers to the first ones: they outlive prompts that are
-- forgotten.
CREATE TABLE idempotency_keys (
    user_id text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    expires_at double precision NOT NULL,
    prompt_id text COLLATE "C" NOT NULL,
    number double precision NOT NULL,
    node_errors_json bytea NOT NULL,
    PRIMARY KEY (user_id, key)
);

CREATE INDEX idempotency_keys_by_end ON idempotency_keys (expires_at);

-- Messages about the ends of prompts. They outlive their prompt: clearing the history is no reason not to tell.
CREATE TABLE deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id text COLLATE "C" NOT NULL UNIQUE,
    prompt_id text COLLATE "C" NOT NULL,
    url text NOT NULL,
    event_type text NOT NULL,
    payload bytea NOT NULL,  -- JSON, as it is sent
    created_at double precision NOT NULL,
    state text COLLATE "C" NOT NULL,
    attempts integer NOT NULL,
    next_attempt_at double precision,
    settled_at double precision,
    last_error text NOT NULL
);

CREATE INDEX deliveries_due ON deliveries (next_attempt_at, id) WHERE state = 'pending';
CREATE INDEX deliveries_settled ON deliveries (state, settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX deliveries_of_prompt ON deliveries (prompt_id, id);
CREATE INDEX deliveries_by_state ON deliveries (state, id);
