CREATE TABLE assets (
    id text PRIMARY KEY,
    owner text NOT NULL,
    blake3 text NOT NULL,
    size bigint NOT NULL,
    name text NOT NULL,
    -- the name in small letters, which searches look at
    folded_name text NOT NULL,
    mime_type text NOT NULL,
    -- JSON: an array of texts
    tags text NOT NULL,
    job_id text NOT NULL,
    preview_id text NOT NULL,
    -- JSON: an object
    metadata text NOT NULL,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    accessed_us bigint NOT NULL,
    expires_us bigint,
    -- kind and path of the file whose content it is
    file text NOT NULL
);

CREATE INDEX assets_by_creation ON assets (owner, created_us, id);
CREATE INDEX assets_by_owned_content ON assets (owner, blake3, name);
CREATE INDEX assets_by_content ON assets (blake3);
CREATE INDEX assets_by_file ON assets (file);
CREATE INDEX assets_by_job ON assets (owner, job_id) WHERE job_id <> '';
CREATE INDEX assets_by_expiry ON assets (expires_us) WHERE expires_us IS NOT NULL;

CREATE TABLE asset_tags (
    asset text NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    tag text NOT NULL,
    PRIMARY KEY (asset, tag)
);

CREATE INDEX asset_tags_by_tag ON asset_tags (tag, asset);

-- What can be asked for of the metadata: a value as JSON, or its digest when it is long.
CREATE TABLE asset_values (
    asset text NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    name text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (asset, name, value)
);
