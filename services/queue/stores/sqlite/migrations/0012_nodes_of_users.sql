-- Which classes of nodes a user's prompts may have and may not have: lists of names in JSON.

ALTER TABLE users ADD COLUMN allowed_nodes TEXT NOT NULL DEFAULT '[]';
ALTER TABLE users ADD COLUMN denied_nodes TEXT NOT NULL DEFAULT '[]';
