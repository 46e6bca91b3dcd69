-- Folders are keys (see folders.py); text compares by code point.
CREATE TABLE file_names (
    kind TEXT NOT NULL,
    folder TEXT NOT NULL,
    filename TEXT NOT NULL,
    blake3 TEXT NOT NULL,
    size INTEGER NOT NULL,
    modified_us INTEGER NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (kind, folder, filename)
) WITHOUT ROWID;
CREATE INDEX file_names_by_content ON file_names (blake3);

-- Contents, and the object of the bucket that holds each. A content that no name has is garbage once nobody touched it
-- for a while; objects' names are never used again, so that removing one late harms nobody.
CREATE TABLE file_blobs (
    blake3 TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    object TEXT NOT NULL UNIQUE,
    touched_us INTEGER NOT NULL
) WITHOUT ROWID;

-- The last number that was given, by prefix.
CREATE TABLE file_counters (
    kind TEXT NOT NULL,
    folder TEXT NOT NULL,
    prefix TEXT NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (kind, folder, prefix)
) WITHOUT ROWID;

-- The sizes of an owner's names together.
CREATE TABLE file_owners (
    owner TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL
) WITHOUT ROWID;

-- Contents on their way in whose object is made in parts. Target and answer are JSON, empty for a plain write and for
-- an upload that was not committed yet; the state is the store's.
CREATE TABLE file_uploads (
    upload_id TEXT PRIMARY KEY,
    object TEXT NOT NULL,
    target TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT '',
    turn INTEGER NOT NULL DEFAULT 0,
    touched_us INTEGER NOT NULL,
    answer TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX file_uploads_by_object ON file_uploads (object);

-- Which database this is: a bucket is one's alone.
CREATE TABLE file_store (
    singleton INTEGER PRIMARY KEY,
    id TEXT NOT NULL
);
