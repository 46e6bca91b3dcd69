-- Folders are keys (see folders.py); text compares by code point.
CREATE TABLE file_names (
    kind text COLLATE "C" NOT NULL,
    folder text COLLATE "C" NOT NULL,
    filename text COLLATE "C" NOT NULL,
    blake3 text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    modified_us bigint NOT NULL,
    owner text COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, folder, filename)
);
CREATE INDEX file_names_by_content ON file_names (blake3);

-- Contents, and the object of the bucket that holds each. A content that no name has is garbage once nobody touched it
-- for a while; objects' names are never used again, so that removing one late harms nobody.
CREATE TABLE file_blobs (
    blake3 text COLLATE "C" PRIMARY KEY,
    size bigint NOT NULL,
    object text COLLATE "C" NOT NULL UNIQUE,
    touched_us bigint NOT NULL
);

-- The last number that was given, by prefix.
CREATE TABLE file_counters (
    kind text COLLATE "C" NOT NULL,
    folder text COLLATE "C" NOT NULL,
    prefix text COLLATE "C" NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (kind, folder, prefix)
);

-- The sizes of an owner's names together.
CREATE TABLE file_owners (
    owner text COLLATE "C" PRIMARY KEY,
    bytes bigint NOT NULL
);

-- Contents on their way in whose object is made in parts. Target and answer are JSON, empty for a plain write and for
-- an upload that was not committed yet; the state is the store's.
CREATE TABLE file_uploads (
    upload_id text COLLATE "C" PRIMARY KEY,
    object text COLLATE "C" NOT NULL,
    target text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL DEFAULT '',
    turn bigint NOT NULL DEFAULT 0,
    touched_us bigint NOT NULL,
    answer text COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX file_uploads_by_object ON file_uploads (object);

-- Which database this is: a bucket is one's alone.
CREATE TABLE file_store (
    singleton bigint PRIMARY KEY,
    id text COLLATE "C" NOT NULL
);
