-- What users may have, where it is not what all may have; and whose prompt comes first, user by user.

CREATE TABLE users (
    user_id text COLLATE "C" PRIMARY KEY,
    weight double precision,
    max_waiting integer,
    max_running integer
);

CREATE INDEX prompts_of_user ON prompts (user_id, priority DESC, tag, number, id) WHERE state = 'pending';
