-- What each user sees of their own prompts, however many others have.

CREATE INDEX prompts_finished_of_user ON prompts (user_id, finished_at, id) INCLUDE (state) WHERE finished_at IS NOT NULL;
-- Not for prompts that wait or run: there are few, and in an empty table this index would pass for as good as theirs.
CREATE INDEX prompts_by_state_of_user ON prompts (user_id, state, id) WHERE state NOT IN ('pending', 'running');
