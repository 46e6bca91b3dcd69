-- What each user sees of their own prompts, however many others have.

CREATE INDEX prompts_finished_of_user ON prompts (user_id, finished_at, id, state) WHERE finished_at IS NOT NULL;
CREATE INDEX prompts_by_state_of_user ON prompts (user_id, state);
