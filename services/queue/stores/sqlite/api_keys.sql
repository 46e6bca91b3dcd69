-- name: add
INSERT INTO api_keys (
    key_id, user_id, digest, admin, label, created_at, expires_at, revoked_at, last_used_at, requests_per_minute
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: get
SELECT key_id, user_id, digest, admin, label, created_at, expires_at, revoked_at, last_used_at, requests_per_minute
FROM api_keys WHERE key_id = ?;

-- name: all
SELECT key_id, user_id, digest, admin, label, created_at, expires_at, revoked_at, last_used_at, requests_per_minute
FROM api_keys ORDER BY id;

-- name: revoke
UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE key_id = ?;

-- name: used
UPDATE api_keys SET last_used_at = ? WHERE key_id = ?;
