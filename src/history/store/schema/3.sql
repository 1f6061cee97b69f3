-- Spool files that were taken in: one that a crash left behind is not taken in again.
CREATE TABLE taken (file TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

-- Those that no alert has told of: a few, however often a coder fails.
CREATE INDEX failure_unalerted ON failure (coder, at) WHERE alerted = 0;
