-- Other ids of facts, by which other channels know them.
CREATE TABLE alias (
    id      BLOB NOT NULL,
    seq     INTEGER NOT NULL,   -- of the fact
    natural INTEGER NOT NULL,   -- 1: made of ids of the agent's world; 0: of what the fact says and when, which others may share
    PRIMARY KEY (id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_by_seq ON alias (seq);

-- Files that two unfinished coders changed within half an hour, a row for each of the two.
CREATE TABLE conflict (
    coder INTEGER NOT NULL,
    path  INTEGER NOT NULL,
    other INTEGER NOT NULL,
    last  INTEGER NOT NULL,     -- the latest change by either
    PRIMARY KEY (coder, path, other)
) STRICT, WITHOUT ROWID;
