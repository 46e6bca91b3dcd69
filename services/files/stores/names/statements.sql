-- name: find
SELECT n.blake3, n.size, n.modified_us, b.object
FROM file_names n JOIN file_blobs b ON b.blake3 = n.blake3
WHERE n.kind = $1 AND n.folder = $2 AND n.filename = $3

-- name: find_content
SELECT n.kind, n.folder, n.filename, n.blake3, n.size, n.modified_us, b.object
FROM file_names n JOIN file_blobs b ON b.blake3 = n.blake3
WHERE n.blake3 = $1 LIMIT 1

-- name: page
SELECT folder, filename, blake3, size, modified_us FROM file_names
WHERE kind = $1 AND (folder, filename) > ($2, $3) AND folder >= $4 AND folder < $5
ORDER BY folder, filename LIMIT $6

-- name: children
WITH RECURSIVE children (child) AS (
    SELECT (SELECT {first_part} FROM
        (SELECT folder FROM file_names WHERE kind = $1 AND folder >= $2 AND folder < $3 ORDER BY folder LIMIT 1) f)
    UNION ALL
    SELECT (SELECT {first_part} FROM
        (SELECT folder FROM file_names WHERE kind = $1 AND folder >= {text_2} || child || {behind} AND folder < $3
        ORDER BY folder LIMIT 1) f)
    FROM children WHERE child IS NOT NULL
)
SELECT child FROM children WHERE child IS NOT NULL AND child <> ''

-- name: present
SELECT blake3, size, modified_us, owner FROM file_names WHERE kind = $1 AND folder = $2 AND filename = $3

-- name: any_inside
SELECT 1 FROM file_names WHERE kind = $1 AND folder >= $2 AND folder < $3 LIMIT 1

-- name: insert
INSERT INTO file_names (kind, folder, filename, blake3, size, modified_us, owner)
SELECT $1, $2, $3, $4, CAST($5 AS bigint), CAST($6 AS bigint), $7
WHERE NOT EXISTS (SELECT 1 FROM file_names WHERE kind = $1 AND folder >= $8 AND folder < $9)
ON CONFLICT DO NOTHING RETURNING 1

-- name: update
UPDATE file_names SET blake3 = $4, size = $5, modified_us = $6, owner = $7
WHERE kind = $1 AND folder = $2 AND filename = $3

-- name: remove
DELETE FROM file_names WHERE kind = $1 AND folder = $2 AND filename = $3 RETURNING blake3, size, modified_us, owner

-- name: count_on
UPDATE file_counters SET last = last + 1 WHERE kind = $1 AND folder = $2 AND prefix = $3 RETURNING last

-- name: count_from
INSERT INTO file_counters (kind, folder, prefix, last) VALUES ($1, $2, $3, $4)
ON CONFLICT (kind, folder, prefix) DO UPDATE SET last = file_counters.last + 1 RETURNING last

-- name: filenames_between
SELECT filename FROM file_names WHERE kind = $1 AND folder = $2 AND filename >= $3 AND filename < $4

-- name: keep_blob
INSERT INTO file_blobs (blake3, size, object, touched_us) VALUES ($1, $2, $3, $4)
ON CONFLICT (blake3) DO UPDATE SET touched_us = excluded.touched_us RETURNING object

-- name: touch_blob
UPDATE file_blobs SET touched_us = $2 WHERE blake3 = $1 RETURNING object

-- name: find_blob
SELECT object FROM file_blobs WHERE blake3 = $1

-- name: charge
INSERT INTO file_owners (owner, bytes) VALUES ($1, $2)
ON CONFLICT (owner) DO UPDATE SET bytes = file_owners.bytes + excluded.bytes RETURNING bytes

-- name: usage
SELECT bytes FROM file_owners WHERE owner = $1

-- name: identity
SELECT id FROM file_store

-- name: identify
INSERT INTO file_store (singleton, id) VALUES (1, $1) ON CONFLICT (singleton) DO NOTHING

-- name: begin_upload
INSERT INTO file_uploads (upload_id, object, target, touched_us) VALUES ($1, $2, $3, $4)

-- name: count_uploads
SELECT count(*) FROM file_uploads WHERE target <> '' AND answer = '' AND touched_us >= $1

-- name: find_upload
SELECT object, target, state, turn, touched_us, answer FROM file_uploads WHERE upload_id = $1

-- name: touch_upload
UPDATE file_uploads SET touched_us = $2 WHERE upload_id = $1 RETURNING 1

-- name: take_turn
UPDATE file_uploads SET turn = turn + 1, touched_us = $2 WHERE upload_id = $1 AND answer = ''
RETURNING object, target, state, turn, touched_us, answer

-- name: keep_state
UPDATE file_uploads SET state = $3, touched_us = $4 WHERE upload_id = $1 AND turn = $2 AND answer = '' RETURNING 1

-- name: answer_upload
UPDATE file_uploads SET answer = $3, object = '', state = '', touched_us = $4
WHERE upload_id = $1 AND turn = $2 AND answer = '' RETURNING 1

-- name: end_upload
DELETE FROM file_uploads WHERE upload_id = $1 RETURNING 1

-- name: old_uploads
SELECT upload_id, object, target, answer FROM file_uploads WHERE touched_us < $1 AND upload_id > $2
ORDER BY upload_id LIMIT $3

-- name: expire_upload
DELETE FROM file_uploads WHERE upload_id = $1 AND touched_us < $2 RETURNING 1

-- name: unnamed_blobs
SELECT blake3, size, object FROM file_blobs
WHERE touched_us < $1 AND blake3 > $2 AND NOT EXISTS (SELECT 1 FROM file_names WHERE file_names.blake3 = file_blobs.blake3)
ORDER BY blake3 LIMIT $3

-- name: drop_blob
DELETE FROM file_blobs WHERE blake3 = $1 AND touched_us < $2
AND NOT EXISTS (SELECT 1 FROM file_names WHERE file_names.blake3 = file_blobs.blake3) RETURNING object

-- name: known_uploads
SELECT upload_id FROM file_uploads WHERE answer = '' AND upload_id IN ({json_values})

-- name: known_objects
SELECT object FROM file_blobs WHERE object IN ({json_values})
UNION ALL SELECT object FROM file_uploads WHERE object IN ({json_values})
