-- name: add
INSERT INTO api_keys (
    key_id, user_id, digest, admin, label, created_at, expires_at, revoked_at, last_used_at, requests_per_minute
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: get
SELECT key_id, user_id, digest, admin, label, created_at, expires_at, revoked_at, last_used_at, requests_per_minute
FROM api_keys WHERE key_id = $1;

-- name: all
SELECT key_id, user_id, digest, admin, label, created_at, expires_at, revoked_at, last_used_at, requests_per_minute
FROM api_keys ORDER BY id;

-- name: revoke
UPDATE api_keys SET revoked_at = coalesce(revoked_at, $1) WHERE key_id = $2 RETURNING id;

-- name: used
UPDATE api_keys SET last_used_at = $1 WHERE key_id = $2;
