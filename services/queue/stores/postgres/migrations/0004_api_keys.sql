-- The keys that clients of a gateway show.

CREATE TABLE api_keys (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key_id text NOT NULL UNIQUE,
    user_id text NOT NULL,
    digest bytea NOT NULL,  -- SHA-256 of the secret part
    admin boolean NOT NULL,
    label text NOT NULL,
    created_at double precision NOT NULL,
    expires_at double precision,
    revoked_at double precision,
    last_used_at double precision,
    requests_per_minute bigint NOT NULL
);
