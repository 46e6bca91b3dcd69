-- name: urls_of
SELECT webhook_urls FROM payloads WHERE id = ?;

-- name: add
INSERT INTO deliveries (
    delivery_id, prompt_id, url, event_type, payload, created_at, state, attempts, next_attempt_at, settled_at, last_error
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: due
SELECT id FROM deliveries INDEXED BY deliveries_due
WHERE state = 'pending' AND next_attempt_at <= ? ORDER BY next_attempt_at, id LIMIT ?;

-- name: claim
UPDATE deliveries SET attempts = attempts + 1, next_attempt_at = ? WHERE id = ?;

-- name: delivery
SELECT delivery_id, prompt_id, url, event_type, payload, created_at, state, attempts, next_attempt_at, settled_at, last_error
FROM deliveries WHERE id = ?;

-- name: settle
UPDATE deliveries SET state = ?, next_attempt_at = ?, settled_at = ?, last_error = ?
WHERE delivery_id = ? AND attempts = ? AND state = 'pending';

-- name: next_due
SELECT min(next_attempt_at) FROM deliveries INDEXED BY deliveries_due WHERE state = 'pending';

-- name: redeliver
UPDATE deliveries SET state = 'pending', attempts = 0, next_attempt_at = ?, settled_at = NULL
WHERE delivery_id = ? RETURNING id;

-- name: list_all
SELECT id FROM deliveries ORDER BY id DESC LIMIT ? OFFSET ?;

-- name: list_of_prompt
SELECT id FROM deliveries WHERE prompt_id = ? AND state IN (SELECT value FROM json_each(?))
ORDER BY id DESC LIMIT ? OFFSET ?;

-- name: forget_settled
DELETE FROM deliveries WHERE id IN (
    SELECT id FROM deliveries INDEXED BY deliveries_settled
    WHERE settled_at IS NOT NULL AND state = ? AND settled_at < ? ORDER BY settled_at LIMIT ?
);
