-- Spool files that were taken in: one that a crash left behind is not taken in again.
CREATE TABLE taken (file TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
