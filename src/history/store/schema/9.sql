-- Agents' own records that were read to their end, and what told then whether they change.
CREATE TABLE record_read (file TEXT PRIMARY KEY, stamp TEXT NOT NULL) STRICT, WITHOUT ROWID;
