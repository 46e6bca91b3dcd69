-- name: standing
-- Of each new prompt: whether its id is taken, where its user stands, and which of the user's prompts it overtakes.
SELECT known.id IS NOT NULL, shares.finish, virtual_times.tag, overtaken.number, overtaken.tag
FROM unnest($1::text[], $2::integer[], $3::text[], $4::double precision[])
    WITH ORDINALITY AS new (prompt_id, priority, user_id, number, place)
LEFT JOIN prompts AS known ON known.prompt_id = new.prompt_id
LEFT JOIN shares ON shares.priority = new.priority AND shares.user_id = new.user_id
LEFT JOIN virtual_times ON virtual_times.priority = new.priority
LEFT JOIN LATERAL (
    SELECT prompts.number, prompts.tag FROM prompts
    WHERE prompts.state = 'pending' AND prompts.user_id = new.user_id AND prompts.priority = new.priority
        AND prompts.number > new.number
    ORDER BY prompts.number LIMIT 1
) AS overtaken ON true
ORDER BY new.place;

-- name: add_prompts
-- Leaves out those whose ids another replica took meanwhile.
WITH new AS (
    SELECT * FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::bigint[], $7::double precision[],
        $8::double precision[], $9::text[], $10::double precision[], $11::double precision[], $12::double precision[],
        $13::text[], $14::integer[], $15::integer[], $16::integer[], $17::text[], $18::double precision[], $19::integer[],
        $20::bytea[], $21::bytea[], $22::text[], $23::bytea[], $24::bytea[], $25::bytea[],
        $26::double precision[], $27::double precision[], $28::text[], $29::bytea[], $30::text[],
        $31::text[], $32::text[]
    ) WITH ORDINALITY AS new (
        prompt_id, client_id, workflow_id, user_id, priority, placement, number,
        tag, state, submitted_at, started_at, finished_at,
        attempts, failures, sequence, attempt_sequence, lease_token, lease_until, interrupt_requested,
        graph_json, extra_data_json, output_node_ids, node_errors_json, content_digest, requirement,
        run_timeout, total_timeout, webhook_urls, reuse_digest, reused_from, file_space, traceparent, place
    )
), added AS (
    INSERT INTO prompts (
        prompt_id, client_id, workflow_id, user_id, priority, placement, number, tag, state, submitted_at, started_at,
        finished_at, attempts, failures, sequence, attempt_sequence, lease_token, lease_until, interrupt_requested,
        run_timeout, total_timeout, reuse_digest, reused_from
    )
    SELECT prompt_id, client_id, workflow_id, user_id, priority, placement, number, tag, state, submitted_at, started_at,
        finished_at, attempts, failures, sequence, attempt_sequence, lease_token, lease_until, interrupt_requested <> 0,
        run_timeout, total_timeout, reuse_digest, reused_from
    FROM new ORDER BY place
    ON CONFLICT (prompt_id) DO NOTHING
    RETURNING id, prompt_id
), carried AS (
    INSERT INTO payloads (
        id, graph_json, extra_data_json, output_node_ids, node_errors_json, content_digest, webhook_urls, file_space,
        traceparent
    )
    SELECT added.id, graph_json, extra_data_json, output_node_ids, node_errors_json, content_digest, webhook_urls,
        file_space, traceparent
    FROM new JOIN added USING (prompt_id)
), required AS (
    INSERT INTO requirements (placement, body)
    SELECT DISTINCT ON (placement) placement, requirement FROM new ORDER BY placement
    ON CONFLICT (placement) DO NOTHING
)
SELECT id, prompt_id FROM added;

-- name: reusable
-- Of those new prompts for which there is one: the earlier one to answer it from, and what happened to that.
SELECT place, source.prompt_id, source.reused_from, sequences, times, remaining, bodies
FROM unnest($1::bytea[], $2::text[], $3::text[]) WITH ORDINALITY AS new (digest, user_id, prompt_id, place)
JOIN LATERAL (
    SELECT prompts.id, prompts.prompt_id, prompts.reused_from FROM prompts
    WHERE prompts.reuse_digest = new.digest AND prompts.user_id = new.user_id AND prompts.state = 'succeeded'
        AND (new.prompt_id IS NULL OR prompts.prompt_id = new.prompt_id)
    ORDER BY prompts.finished_at DESC, prompts.id DESC LIMIT 1
) AS source ON true
JOIN LATERAL (
    SELECT array_agg(sequence ORDER BY sequence) AS sequences, array_agg(happened_at ORDER BY sequence) AS times,
        array_agg(queue_remaining ORDER BY sequence) AS remaining, array_agg(body ORDER BY sequence) AS bodies
    FROM events WHERE events.prompt = source.id
) AS happened ON true;

-- name: last_reusable
SELECT prompt_id FROM prompts WHERE reuse_digest = $1 AND user_id = $2 AND state = 'succeeded'
ORDER BY finished_at DESC, id DESC LIMIT 1;

-- name: receipts
SELECT prompt_id, number, node_errors_json, content_digest FROM prompts JOIN payloads USING (id)
WHERE prompt_id = ANY($1::text[]);

-- name: take_keys
-- Those of these keys that were free, or have expired; who else wants one waits until this transaction ends.
INSERT INTO idempotency_keys (user_id, key, digest, expires_at, prompt_id, number, node_errors_json)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::bytea[], $4::double precision[], $5::text[], $6::double precision[], $7::bytea[]
) AS new (user_id, key, digest, expires_at, prompt_id, number, node_errors_json)
ORDER BY user_id, key
ON CONFLICT (user_id, key) DO UPDATE SET digest = excluded.digest, expires_at = excluded.expires_at,
    prompt_id = excluded.prompt_id, number = excluded.number, node_errors_json = excluded.node_errors_json
WHERE idempotency_keys.expires_at <= $8
RETURNING user_id, key;

-- name: give_keys_back
DELETE FROM idempotency_keys USING unnest($1::text[], $2::text[]) AS unused (user_id, key)
WHERE idempotency_keys.user_id = unused.user_id AND idempotency_keys.key = unused.key;

-- name: sweep_keys
DELETE FROM idempotency_keys WHERE (user_id, key) IN (
    SELECT user_id, key FROM idempotency_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
    FOR UPDATE SKIP LOCKED
);

-- name: key_receipts
SELECT user_id, key, prompt_id, number, node_errors_json, digest
FROM idempotency_keys JOIN unnest($1::text[], $2::text[]) AS wanted (user_id, key) USING (user_id, key)
WHERE expires_at > $3;

-- name: lives
-- Every transaction locks rows in this order, so that none waits for another that waits for it.
SELECT id, prompt_id, client_id, state, submitted_at, started_at, finished_at, attempts, failures, sequence,
    attempt_sequence, lease_token, lease_until, interrupt_requested, run_timeout, total_timeout,
    user_id, priority, placement
FROM prompts WHERE prompt_id = ANY($1::text[]) ORDER BY id FOR UPDATE;

-- name: first_pending
-- Without those that another replica is about to claim, or this one in the same transaction ($2).
SELECT id, prompt_id, client_id, state, submitted_at, started_at, finished_at, attempts, failures, sequence,
    attempt_sequence, lease_token, lease_until, interrupt_requested, run_timeout, total_timeout,
    user_id, priority, placement, passed_over, tag
FROM prompts WHERE state = 'pending' AND id <> ALL($2::bigint[])
    AND ($3::bigint[] IS NULL OR placement = ANY($3))
ORDER BY priority DESC, tag, number, id LIMIT $1 FOR UPDATE SKIP LOCKED;

-- name: first_pending_of_users
-- The first ones of each user ($4), and of these those that come first: it takes no longer for what others have waiting.
SELECT id, prompt_id, client_id, state, submitted_at, started_at, finished_at, attempts, failures, sequence,
    attempt_sequence, lease_token, lease_until, interrupt_requested, run_timeout, total_timeout,
    user_id, priority, placement, passed_over, tag
FROM prompts WHERE state = 'pending' AND id IN (
    SELECT own.id FROM unnest($4::text[]) AS users (user_id) CROSS JOIN LATERAL (
        SELECT prompts.id FROM prompts
        WHERE prompts.state = 'pending' AND prompts.user_id = users.user_id AND prompts.id <> ALL($2::bigint[])
            AND ($3::bigint[] IS NULL OR prompts.placement = ANY($3))
        ORDER BY prompts.priority DESC, prompts.tag, prompts.number, prompts.id LIMIT $1 + 8
    ) AS own
)
ORDER BY priority DESC, tag, number, id LIMIT $1 FOR UPDATE SKIP LOCKED;

-- name: user_limits
SELECT user_id, weight, max_waiting, max_running, allowed_nodes, denied_nodes FROM users;

-- name: set_user_limits
INSERT INTO users (user_id, weight, max_waiting, max_running, allowed_nodes, denied_nodes)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (user_id) DO UPDATE SET weight = excluded.weight, max_waiting = excluded.max_waiting,
    max_running = excluded.max_running, allowed_nodes = excluded.allowed_nodes, denied_nodes = excluded.denied_nodes;

-- name: delete_user_limits
DELETE FROM users WHERE user_id = $1 RETURNING user_id;

-- name: payloads
SELECT id, graph_json, extra_data_json, output_node_ids, file_space, traceparent FROM payloads
WHERE id = ANY($1::bigint[]);

-- name: pass_over
UPDATE prompts SET passed_over = new.passed_over
FROM unnest($1::bigint[], $2::integer[]) AS new (id, passed_over) WHERE prompts.id = new.id;

-- name: open_prompts
SELECT coalesce(sum(prompts), 0)::bigint FROM tallies WHERE state IN ('pending', 'running');

-- name: write
-- All that a transaction changes beside what it adds. What other replicas change too comes in one order.
WITH changed AS (
    UPDATE prompts SET
        state = new.state, submitted_at = new.submitted_at, started_at = new.started_at, finished_at = new.finished_at,
        attempts = new.attempts, failures = new.failures, sequence = new.sequence,
        attempt_sequence = new.attempt_sequence, lease_token = new.lease_token, lease_until = new.lease_until,
        interrupt_requested = new.interrupt_requested <> 0
    FROM unnest(
        $1::bigint[], $2::text[], $3::double precision[], $4::double precision[], $5::double precision[], $6::text[],
        $7::integer[], $8::integer[], $9::integer[], $10::text[], $11::double precision[], $12::integer[]
    ) AS new (
        id, state, submitted_at, started_at, finished_at, attempts,
        failures, sequence, attempt_sequence, lease_token, lease_until, interrupt_requested
    )
    WHERE prompts.id = new.id
), happened AS (
    INSERT INTO events (prompt, sequence, happened_at, queue_remaining, body)
    SELECT * FROM unnest($13::bigint[], $14::integer[], $15::double precision[], $16::integer[], $17::bytea[])
), submitted AS (
    SELECT * FROM unnest($18::integer[], $19::text[], $20::double precision[], $21::double precision[])
        AS submitted (priority, user_id, finish, advance)
), shared AS (
    INSERT INTO shares (priority, user_id, finish)
    SELECT priority, user_id, finish FROM submitted ORDER BY priority, user_id
    -- Somebody else may have advanced the same user meanwhile: nobody's advance is lost.
    ON CONFLICT (priority, user_id) DO UPDATE SET finish = greatest(
        excluded.finish,
        shares.finish + (
            SELECT advance FROM submitted
            WHERE submitted.priority = excluded.priority AND submitted.user_id = excluded.user_id
        )
    )
), passed AS (
    INSERT INTO virtual_times (priority, tag)
    SELECT * FROM unnest($22::integer[], $23::double precision[]) AS claimed (priority, tag) ORDER BY priority
    ON CONFLICT (priority) DO UPDATE SET tag = excluded.tag WHERE virtual_times.tag < excluded.tag
), counted AS (
    INSERT INTO tallies (shard, state, prompts)
    SELECT $24::integer, state, change FROM unnest($25::text[], $26::bigint[]) AS moved (state, change) ORDER BY state
    ON CONFLICT (shard, state) DO UPDATE SET prompts = tallies.prompts + excluded.prompts
)
SELECT pg_current_xact_id()::text;

-- name: outcome
-- What became of a transaction whose commit was not answered.
SELECT pg_xact_status($1::text::xid8);

-- name: forget
WITH gone AS (
    DELETE FROM prompts WHERE id IN (
        SELECT prompts.id FROM (
            SELECT id FROM prompts WHERE prompt_id = ANY($1::text[]) UNION ALL SELECT unnest($2::bigint[])
        ) AS unwanted (id) JOIN prompts USING (id)
        WHERE state NOT IN ('pending', 'running') ORDER BY prompts.id FOR UPDATE OF prompts
    )
    RETURNING id, prompt_id, state
), carried AS (
    DELETE FROM payloads USING gone WHERE payloads.id = gone.id
), happened AS (
    DELETE FROM events USING gone WHERE events.prompt = gone.id
), counted AS (
    INSERT INTO tallies (shard, state, prompts)
    SELECT $3::integer, state, -count(*) FROM gone GROUP BY state ORDER BY state
    ON CONFLICT (shard, state) DO UPDATE SET prompts = tallies.prompts + excluded.prompts
), told AS (
    SELECT pg_notify($4, $5) FROM gone LIMIT 1
)
SELECT prompt_id FROM gone LEFT JOIN told ON true ORDER BY id;

-- name: finished_after
SELECT id FROM prompts WHERE finished_at IS NOT NULL AND id > $1 ORDER BY id LIMIT $2;

-- name: oldest_finished
SELECT id FROM prompts WHERE finished_at IS NOT NULL AND finished_at < $1 ORDER BY finished_at, id LIMIT $2;

-- name: finished_prompts
SELECT coalesce(sum(prompts), 0)::bigint FROM tallies WHERE state NOT IN ('pending', 'running');

-- name: next_numbers
SELECT nextval('numbers') FROM generate_series(1, $1::integer);

-- name: save_catalogue
WITH saved AS (
    INSERT INTO catalogue (only_row, digest, definitions_json) VALUES (1, $1, $2)
    ON CONFLICT (only_row) DO UPDATE SET digest = excluded.digest, definitions_json = excluded.definitions_json
    RETURNING only_row
)
SELECT pg_notify($3, $4) FROM saved;

-- name: catalogue
SELECT digest, definitions_json FROM catalogue;

-- name: tallies
SELECT state, sum(prompts)::bigint FROM tallies GROUP BY state;

-- name: tallies_of_user
SELECT state, count(*) FROM prompts WHERE user_id = $1 AND state NOT IN ('pending', 'running') GROUP BY state
UNION ALL SELECT 'pending', count(*) FROM prompts WHERE user_id = $1 AND state = 'pending'
UNION ALL SELECT 'running', count(*) FROM prompts WHERE user_id = $1 AND state = 'running';

-- name: owned
SELECT prompt_id FROM prompts WHERE prompt_id = ANY($1::text[]) AND user_id = $2;

-- name: waiting
SELECT placement, user_id, count(*) FROM prompts WHERE state = 'pending' GROUP BY user_id, placement;

-- name: depths
SELECT state, priority, user_id <> '' AS named, count(*), min(submitted_at) FROM prompts
WHERE state IN ('pending', 'running') GROUP BY 1, 2, 3;

-- name: requirements
SELECT body FROM requirements WHERE placement = ANY($1::bigint[]);

-- name: lives_pending
SELECT id, prompt_id, client_id, state, submitted_at, started_at, finished_at, attempts, failures, sequence,
    attempt_sequence, lease_token, lease_until, interrupt_requested, run_timeout, total_timeout,
    user_id, priority, placement
FROM prompts WHERE state = 'pending' ORDER BY priority DESC, tag, number, id;

-- name: lives_running
SELECT id, prompt_id, client_id, state, submitted_at, started_at, finished_at, attempts, failures, sequence,
    attempt_sequence, lease_token, lease_until, interrupt_requested, run_timeout, total_timeout,
    user_id, priority, placement
FROM prompts WHERE state = 'running' ORDER BY started_at, id;

-- name: lives_finished
SELECT id, prompt_id, client_id, state, submitted_at, started_at, finished_at, attempts, failures, sequence,
    attempt_sequence, lease_token, lease_until, interrupt_requested, run_timeout, total_timeout,
    user_id, priority, placement
FROM prompts WHERE finished_at IS NOT NULL AND state = $1 ORDER BY finished_at, id;

-- name: lives_limited
SELECT id, prompt_id, client_id, state, submitted_at, started_at, finished_at, attempts, failures, sequence,
    attempt_sequence, lease_token, lease_until, interrupt_requested, run_timeout, total_timeout,
    user_id, priority, placement
FROM prompts WHERE finished_at IS NULL AND run_timeout + total_timeout > 0;

-- name: page_pending
SELECT id FROM prompts WHERE state = 'pending' ORDER BY priority DESC, tag, number, id LIMIT $1 OFFSET $2;

-- name: page_running
SELECT id FROM prompts WHERE state = 'running' ORDER BY started_at, id LIMIT $1 OFFSET $2;

-- name: page_finished
SELECT id FROM prompts WHERE finished_at IS NOT NULL AND state = ANY($3::text[])
ORDER BY finished_at, id LIMIT $1 OFFSET $2;

-- name: page_finished_backwards
-- The same from the other end, for pages that are nearer to it.
SELECT id FROM prompts WHERE finished_at IS NOT NULL AND state = ANY($3::text[])
ORDER BY finished_at DESC, id DESC LIMIT $1 OFFSET $2;

-- name: page_all_finished
SELECT id FROM prompts WHERE finished_at IS NOT NULL ORDER BY finished_at, id LIMIT $1 OFFSET $2;

-- name: page_all_finished_backwards
SELECT id FROM prompts WHERE finished_at IS NOT NULL ORDER BY finished_at DESC, id DESC LIMIT $1 OFFSET $2;

-- name: page_pending_of_user
SELECT id FROM prompts WHERE state = 'pending' AND user_id = $3
ORDER BY priority DESC, tag, number, id LIMIT $1 OFFSET $2;

-- name: page_running_of_user
SELECT id FROM prompts WHERE state = 'running' AND user_id = $3 ORDER BY started_at, id LIMIT $1 OFFSET $2;

-- name: page_finished_of_user
SELECT id FROM prompts WHERE finished_at IS NOT NULL AND state = ANY($3::text[]) AND user_id = $4
ORDER BY finished_at, id LIMIT $1 OFFSET $2;

-- name: page_finished_of_user_backwards
SELECT id FROM prompts WHERE finished_at IS NOT NULL AND state = ANY($3::text[]) AND user_id = $4
ORDER BY finished_at DESC, id DESC LIMIT $1 OFFSET $2;

-- name: prompts
SELECT prompt_id, state, number, client_id, submitted_at, started_at, finished_at, attempts, workflow_id, user_id,
    priority, run_timeout, total_timeout, reused_from, graph_json, extra_data_json, output_node_ids, file_space
FROM unnest($1::bigint[]) WITH ORDINALITY AS page (id, place) JOIN prompts USING (id) JOIN payloads USING (id)
ORDER BY place;

-- name: prompts_alone
-- The same without what was submitted.
SELECT prompt_id, state, number, client_id, submitted_at, started_at, finished_at, attempts, workflow_id, user_id,
    priority, run_timeout, total_timeout, reused_from, ''::bytea, ''::bytea, '[]', ''
FROM unnest($1::bigint[]) WITH ORDINALITY AS page (id, place) JOIN prompts USING (id) ORDER BY place;

-- name: events_of
SELECT prompt, sequence, happened_at, queue_remaining, body
FROM unnest($1::bigint[]) AS page (id) JOIN events ON events.prompt = page.id ORDER BY prompt, sequence;

-- name: row_of
SELECT id FROM prompts WHERE prompt_id = $1;

-- name: keys
SELECT prompt_id, finished_at FROM unnest($1::bigint[]) WITH ORDINALITY AS page (id, place) JOIN prompts USING (id)
ORDER BY place;

-- name: count_of_workflow
SELECT count(*) FROM prompts WHERE workflow_id <> '' AND workflow_id = $1 AND state = ANY($2::text[]);

-- name: count_of_workflow_of_user
SELECT count(*) FROM prompts
WHERE workflow_id <> '' AND workflow_id = $1 AND state = ANY($2::text[]) AND user_id = $3;

-- name: news
-- A row without an event for prompts that have none.
SELECT wanted.prompt_id, state, client_id, events.sequence, happened_at, queue_remaining, body
FROM unnest($1::text[], $2::integer[]) AS wanted (prompt_id, after) JOIN prompts USING (prompt_id)
LEFT JOIN events ON events.prompt = prompts.id AND events.sequence > wanted.after
ORDER BY prompts.id, events.sequence;
