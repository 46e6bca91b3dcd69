-- name: urls_of
SELECT id, webhook_urls FROM payloads WHERE id = ANY($1::bigint[]) AND webhook_urls <> '[]';

-- name: add
INSERT INTO deliveries (
    delivery_id, prompt_id, url, event_type, payload, created_at, state, attempts, next_attempt_at, settled_at, last_error
)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::double precision[], $7::text[], $8::integer[],
    $9::double precision[], $10::double precision[], $11::text[]
);

-- name: claim
-- Without those that another replica is about to claim.
WITH due AS (
    SELECT id, next_attempt_at AS since FROM deliveries
    WHERE state = 'pending' AND next_attempt_at <= $1 ORDER BY next_attempt_at, id LIMIT $3 FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE deliveries SET attempts = attempts + 1, next_attempt_at = $2 FROM due WHERE deliveries.id = due.id
    RETURNING deliveries.*, since
)
SELECT delivery_id, prompt_id, url, event_type, payload, created_at, state, attempts, next_attempt_at, settled_at, last_error
FROM claimed ORDER BY since, id;

-- name: settle
UPDATE deliveries SET state = $1, next_attempt_at = $2, settled_at = $3, last_error = $4
WHERE delivery_id = $5 AND attempts = $6 AND state = 'pending' RETURNING id;

-- name: next_due
SELECT min(next_attempt_at) FROM deliveries WHERE state = 'pending';

-- name: redeliver
UPDATE deliveries SET state = 'pending', attempts = 0, next_attempt_at = $1, settled_at = NULL WHERE delivery_id = $2
RETURNING delivery_id, prompt_id, url, event_type, payload, created_at, state, attempts, next_attempt_at, settled_at,
    last_error;

-- name: list_all
SELECT delivery_id, prompt_id, url, event_type, payload, created_at, state, attempts, next_attempt_at, settled_at, last_error
FROM deliveries ORDER BY id DESC LIMIT $1 OFFSET $2;

-- name: list_of_prompt
SELECT delivery_id, prompt_id, url, event_type, payload, created_at, state, attempts, next_attempt_at, settled_at, last_error
FROM deliveries WHERE prompt_id = $3 AND state = ANY($4::text[]) ORDER BY id DESC LIMIT $1 OFFSET $2;

-- name: list_of_states
SELECT delivery_id, prompt_id, url, event_type, payload, created_at, state, attempts, next_attempt_at, settled_at, last_error
FROM deliveries WHERE state = ANY($3::text[]) ORDER BY id DESC LIMIT $1 OFFSET $2;

-- name: forget_settled
DELETE FROM deliveries WHERE id IN (
    SELECT id FROM deliveries WHERE settled_at IS NOT NULL AND state = $1 AND settled_at < $2
    ORDER BY settled_at LIMIT $3 FOR UPDATE SKIP LOCKED
) RETURNING id;
