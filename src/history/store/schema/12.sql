-- When a coder was last told something by its own hook: 0 where it was not yet, null where its hooks tell it nothing.
ALTER TABLE coder ADD COLUMN told_at INTEGER;
-- Files that such a coder has read or changed: of what others change there, it is told.
CREATE TABLE interest (
    path  INTEGER NOT NULL,
    coder INTEGER NOT NULL,
    PRIMARY KEY (path, coder)
) STRICT, WITHOUT ROWID;
CREATE INDEX interest_by_coder ON interest (coder);
-- What such a coder is to be told at one of its next steps, and what it was.
CREATE TABLE news (
    coder INTEGER NOT NULL,
    kind  INTEGER NOT NULL,     -- record::news::NewsKind
    about INTEGER NOT NULL,     -- the number of a file, of a coder, of an event
    other INTEGER NOT NULL,     -- which coder changed the file, or how the coder stands
    at    INTEGER NOT NULL,     -- when that was
    told  INTEGER,              -- when it was told; null: not yet
    PRIMARY KEY (coder, kind, about, other)
) STRICT, WITHOUT ROWID;
