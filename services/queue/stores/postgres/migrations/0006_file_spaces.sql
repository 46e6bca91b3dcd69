-- Whose files the nodes of a prompt see, and the trace that it is part of.

ALTER TABLE payloads ADD COLUMN file_space text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE payloads ADD COLUMN traceparent text COLLATE "C" NOT NULL DEFAULT '';
