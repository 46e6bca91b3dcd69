-- What users may have, where it is not what all may have; and whose prompt comes first, user by user.

CREATE TABLE users (
    user_id TEXT PRIMARY KEY,
    weight REAL,
    max_waiting INTEGER,
    max_running INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX prompts_of_user ON prompts (user_id, priority DESC, tag, number, id) WHERE state = 'pending';
