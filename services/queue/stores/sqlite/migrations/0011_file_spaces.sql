-- Whose files the nodes of a prompt see, and the trace that it is part of.

ALTER TABLE payloads ADD COLUMN file_space TEXT NOT NULL DEFAULT '';
ALTER TABLE payloads ADD COLUMN traceparent TEXT NOT NULL DEFAULT '';
