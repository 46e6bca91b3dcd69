-- The keys that clients of a gateway show.

CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY,
    key_id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    digest BLOB NOT NULL,  -- SHA-256 of the secret part
    admin INTEGER NOT NULL,
    label TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL,
    revoked_at REAL,
    last_used_at REAL,
    requests_per_minute INTEGER NOT NULL
) STRICT;
