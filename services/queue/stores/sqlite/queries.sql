-- name: add_prompt
INSERT INTO prompts (
    prompt_id, client_id, workflow_id, number, state, submitted_at, started_at, finished_at, attempts, failures,
    sequence, attempt_sequence, lease_token, lease_until, interrupt_requested, user_id, priority, placement, tag,
    run_timeout, total_timeout, reuse_digest, reused_from
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_payload
INSERT INTO payloads (
    id, graph_json, extra_data_json, output_node_ids, node_errors_json, content_digest, webhook_urls, file_space,
    traceparent
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_event
INSERT INTO events (prompt, sequence, happened_at, queue_remaining, body) VALUES (?, ?, ?, ?, ?);

-- name: receipt
SELECT number, node_errors_json, content_digest FROM prompts JOIN payloads USING (id) WHERE prompt_id = ?;

-- name: key_receipt
SELECT prompt_id, number, node_errors_json, digest FROM idempotency_keys
WHERE user_id = ? AND key = ? AND expires_at > ?;

-- name: keep_key
INSERT OR REPLACE INTO idempotency_keys (user_id, key, digest, expires_at, prompt_id, number, node_errors_json)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: sweep_keys
DELETE FROM idempotency_keys WHERE id IN (
    SELECT id FROM idempotency_keys WHERE expires_at <= ? ORDER BY expires_at LIMIT ?
);

-- name: reusable
-- The last one, or a certain one.
SELECT id, prompt_id, reused_from FROM prompts INDEXED BY prompts_reusable
WHERE reuse_digest = ? AND user_id = ? AND state = 'succeeded' AND prompt_id = coalesce(?, prompt_id)
ORDER BY finished_at DESC, id DESC LIMIT 1;

-- name: life
SELECT id, prompt_id, client_id, state, submitted_at, started_at, finished_at, attempts, failures, sequence,
    attempt_sequence, lease_token, lease_until, interrupt_requested, run_timeout, total_timeout,
    user_id, priority, placement
FROM prompts WHERE prompt_id = ?;

-- name: first_pending
SELECT id, prompt_id, client_id, state, submitted_at, started_at, finished_at, attempts, failures, sequence,
    attempt_sequence, lease_token, lease_until, interrupt_requested, run_timeout, total_timeout,
    user_id, priority, placement, passed_over, tag
FROM prompts INDEXED BY prompts_pending WHERE state = 'pending'{conditions} ORDER BY priority DESC, tag, number, id LIMIT ?;

-- name: first_pending_of_users
-- The first ones of each user, and of these those that come first: it takes no longer for what others have waiting.
SELECT prompts.id, prompt_id, client_id, state, submitted_at, started_at, finished_at, attempts, failures, sequence,
    attempt_sequence, lease_token, lease_until, interrupt_requested, run_timeout, total_timeout,
    user_id, priority, placement, passed_over, tag
FROM json_each(?) AS users JOIN prompts ON prompts.id IN (
    SELECT own.id FROM prompts AS own INDEXED BY prompts_of_user
    WHERE own.state = 'pending' AND own.user_id = users.value{conditions}
    ORDER BY own.priority DESC, own.tag, own.number, own.id LIMIT ?
)
ORDER BY priority DESC, tag, number, prompts.id LIMIT ?;

-- name: user_limits
SELECT user_id, weight, max_waiting, max_running, allowed_nodes, denied_nodes FROM users;

-- name: set_user_limits
INSERT OR REPLACE INTO users (user_id, weight, max_waiting, max_running, allowed_nodes, denied_nodes)
VALUES (?, ?, ?, ?, ?, ?);

-- name: delete_user_limits
DELETE FROM users WHERE user_id = ? RETURNING user_id;

-- name: lives_pending
SELECT id, prompt_id, client_id, state, submitted_at, started_at, finished_at, attempts, failures, sequence,
    attempt_sequence, lease_token, lease_until, interrupt_requested, run_timeout, total_timeout,
    user_id, priority, placement
FROM prompts INDEXED BY prompts_pending WHERE state = 'pending' ORDER BY priority DESC, tag, number, id;

-- name: lives_running
SELECT id, prompt_id, client_id, state, submitted_at, started_at, finished_at, attempts, failures, sequence,
    attempt_sequence, lease_token, lease_until, interrupt_requested, run_timeout, total_timeout,
    user_id, priority, placement
FROM prompts INDEXED BY prompts_running WHERE state = 'running' ORDER BY started_at, id;

-- name: lives_finished
SELECT id, prompt_id, client_id, state, submitted_at, started_at, finished_at, attempts, failures, sequence,
    attempt_sequence, lease_token, lease_until, interrupt_requested, run_timeout, total_timeout,
    user_id, priority, placement
FROM prompts INDEXED BY prompts_finished WHERE finished_at IS NOT NULL AND state = ? ORDER BY finished_at, id;

-- name: lives_limited
SELECT id, prompt_id, client_id, state, submitted_at, started_at, finished_at, attempts, failures, sequence,
    attempt_sequence, lease_token, lease_until, interrupt_requested, run_timeout, total_timeout,
    user_id, priority, placement
FROM prompts INDEXED BY prompts_limited WHERE finished_at IS NULL AND run_timeout + total_timeout > 0;

-- name: change
UPDATE prompts SET
    state = ?, submitted_at = ?, started_at = ?, finished_at = ?, attempts = ?, failures = ?, sequence = ?,
    attempt_sequence = ?, lease_token = ?, lease_until = ?, interrupt_requested = ?
WHERE id = ?;

-- name: open_prompts
SELECT sum(prompts) FROM tallies WHERE state IN ('pending', 'running');

-- name: share
SELECT finish FROM shares WHERE priority = ? AND user_id = ?;

-- name: set_share
INSERT OR REPLACE INTO shares (priority, user_id, finish) VALUES (?, ?, ?);

-- name: virtual_time
SELECT tag FROM virtual_times WHERE priority = ?;

-- name: advance_virtual_time
INSERT INTO virtual_times (priority, tag) VALUES (?, ?)
ON CONFLICT (priority) DO UPDATE SET tag = max(tag, excluded.tag);

-- name: overtaken
SELECT tag FROM prompts INDEXED BY prompts_waiting
WHERE state = 'pending' AND user_id = ? AND priority = ? AND number > ? ORDER BY number LIMIT 1;

-- name: pass_over
UPDATE prompts SET passed_over = passed_over + 1 WHERE id = ?;

-- name: waiting
SELECT placement, user_id, count(*) FROM prompts INDEXED BY prompts_waiting
WHERE state = 'pending' GROUP BY user_id, placement;

-- name: depths
SELECT state, priority, user_id <> '' AS named, count(*), min(submitted_at) FROM prompts INDEXED BY prompts_by_state
WHERE state IN ('pending', 'running') GROUP BY state, priority, named;

-- name: add_requirement
INSERT OR IGNORE INTO requirements (placement, body) VALUES (?, ?);

-- name: requirements
SELECT body FROM requirements WHERE placement IN (SELECT value FROM json_each(?));

-- name: payload
SELECT graph_json, extra_data_json, output_node_ids, file_space, traceparent FROM payloads WHERE id = ?;

-- name: forget
DELETE FROM prompts WHERE prompt_id = ? AND finished_at IS NOT NULL RETURNING prompt_id;

-- name: forget_all
DELETE FROM prompts WHERE finished_at IS NOT NULL RETURNING prompt_id;

-- name: forget_oldest
DELETE FROM prompts WHERE id IN (
    SELECT id FROM prompts INDEXED BY prompts_finished
    WHERE finished_at IS NOT NULL AND finished_at < ? ORDER BY finished_at, id LIMIT ?
) RETURNING prompt_id;

-- name: finished_prompts
SELECT sum(prompts) FROM tallies WHERE state NOT IN ('pending', 'running');

-- name: advance_number
UPDATE numbers SET next = max(next, ?);

-- name: next_number
SELECT next FROM numbers;

-- name: save_catalogue
INSERT OR REPLACE INTO catalogue (only_row, digest, definitions_json) VALUES (1, ?, ?);

-- name: catalogue
SELECT digest, definitions_json FROM catalogue;

-- name: tallies
SELECT state, prompts FROM tallies;

-- name: tallies_of_user
SELECT state, count(*) FROM prompts INDEXED BY prompts_by_state_of_user WHERE user_id = ? GROUP BY state;

-- name: owned
SELECT prompt_id FROM prompts WHERE prompt_id IN (SELECT value FROM json_each(?)) AND user_id = ?;

-- name: row_of
SELECT id FROM prompts WHERE prompt_id = ?;

-- name: page_pending
SELECT id FROM prompts INDEXED BY prompts_pending WHERE state = 'pending' ORDER BY priority DESC, tag, number, id LIMIT ? OFFSET ?;

-- name: page_running
SELECT id FROM prompts INDEXED BY prompts_running WHERE state = 'running' ORDER BY started_at, id LIMIT ? OFFSET ?;

-- name: page_finished
SELECT id FROM prompts INDEXED BY prompts_finished
WHERE finished_at IS NOT NULL AND state IN (SELECT value FROM json_each(?))
ORDER BY finished_at, id LIMIT ? OFFSET ?;

-- name: page_finished_backwards
-- The same from the other end, for pages that are nearer to it.
SELECT id FROM prompts INDEXED BY prompts_finished
WHERE finished_at IS NOT NULL AND state IN (SELECT value FROM json_each(?))
ORDER BY finished_at DESC, id DESC LIMIT ? OFFSET ?;

-- name: page_all_finished
-- Without a look at the state of those that are left out before the page.
SELECT id FROM prompts INDEXED BY prompts_finished
WHERE finished_at IS NOT NULL ORDER BY finished_at, id LIMIT ? OFFSET ?;

-- name: page_all_finished_backwards
SELECT id FROM prompts INDEXED BY prompts_finished
WHERE finished_at IS NOT NULL ORDER BY finished_at DESC, id DESC LIMIT ? OFFSET ?;

-- name: page_pending_of_user
SELECT id FROM prompts INDEXED BY prompts_of_user
WHERE user_id = ? AND state = 'pending' ORDER BY priority DESC, tag, number, id LIMIT ? OFFSET ?;

-- name: page_running_of_user
SELECT id FROM prompts INDEXED BY prompts_running
WHERE user_id = ? AND state = 'running' ORDER BY started_at, id LIMIT ? OFFSET ?;

-- name: page_finished_of_user
SELECT id FROM prompts INDEXED BY prompts_finished_of_user
WHERE user_id = ? AND finished_at IS NOT NULL AND state IN (SELECT value FROM json_each(?))
ORDER BY finished_at, id LIMIT ? OFFSET ?;

-- name: page_finished_of_user_backwards
SELECT id FROM prompts INDEXED BY prompts_finished_of_user
WHERE user_id = ? AND finished_at IS NOT NULL AND state IN (SELECT value FROM json_each(?))
ORDER BY finished_at DESC, id DESC LIMIT ? OFFSET ?;

-- name: prompts
SELECT prompt_id, state, number, client_id, submitted_at, started_at, finished_at, attempts, workflow_id, user_id,
    priority, run_timeout, total_timeout, reused_from, graph_json, extra_data_json, output_node_ids, file_space
-- The loops are nested as they are written, so the rows come in the order of the list; which has a column `id`, too.
FROM json_each(?) AS page CROSS JOIN prompts ON prompts.id = page.value CROSS JOIN payloads ON payloads.id = prompts.id;

-- name: prompts_alone
-- The same without what was submitted.
SELECT prompt_id, state, number, client_id, submitted_at, started_at, finished_at, attempts, workflow_id, user_id,
    priority, run_timeout, total_timeout, reused_from, x'', x'', '[]', ''
FROM json_each(?) AS page CROSS JOIN prompts ON prompts.id = page.value ORDER BY page.key;

-- name: events_of
SELECT prompt, sequence, happened_at, queue_remaining, body
FROM json_each(?) AS page CROSS JOIN events ON events.prompt = page.value ORDER BY page.key, sequence;

-- name: keys
SELECT prompt_id, finished_at FROM json_each(?) AS page CROSS JOIN prompts ON prompts.id = page.value ORDER BY page.key;

-- name: count_of_workflow
SELECT count(*) FROM prompts
WHERE workflow_id <> '' AND workflow_id = ? AND state IN (SELECT value FROM json_each(?));

-- name: count_of_workflow_of_user
SELECT count(*) FROM prompts
WHERE workflow_id <> '' AND workflow_id = ? AND state IN (SELECT value FROM json_each(?)) AND user_id = ?;

-- name: state_of
SELECT id, client_id, state FROM prompts WHERE prompt_id = ?;

-- name: events
SELECT sequence, happened_at, queue_remaining, body FROM events WHERE prompt = ? AND sequence > ? ORDER BY sequence;
