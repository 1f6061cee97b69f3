-- Whom coders wait for, to be told by their own hook once it stands as they wait for.
CREATE TABLE watch (
    coder  INTEGER NOT NULL,    -- who waits
    other  INTEGER NOT NULL,    -- for whom
    until  TEXT NOT NULL,       -- a list of words: aggregate::Until
    cursor INTEGER NOT NULL,    -- events up to this seq were looked at
    looked INTEGER NOT NULL,    -- when
    ends   INTEGER NOT NULL,    -- nobody waits for ever
    PRIMARY KEY (coder, other)
) STRICT, WITHOUT ROWID;
