-- Events up to this seq know a fact that a provider gave an id by a key of their session; later ones by that id alone.
ALTER TABLE ledger ADD COLUMN session_keys INTEGER NOT NULL DEFAULT 0;
UPDATE ledger SET session_keys = head;

-- Which report of which channel told a fact that is known by what it says: its first one, and below the others.
ALTER TABLE repeat ADD COLUMN channel INTEGER;
ALTER TABLE repeat ADD COLUMN report INTEGER;
CREATE TABLE report (
    seq     INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    report  INTEGER NOT NULL,
    PRIMARY KEY (seq, channel, report)
) STRICT, WITHOUT ROWID;

-- What agents told as the sum of many calls, of which the event at seq has what no call told.
CREATE TABLE sum (
    seq   INTEGER PRIMARY KEY,
    coder INTEGER NOT NULL,
    since INTEGER,              -- of the span of time that it is over; null: from the beginning
    until INTEGER NOT NULL,
    told  TEXT NOT NULL         -- six figures, as event::Provider has them
) STRICT;
CREATE INDEX sum_by_coder ON sum (coder);

-- Calls that stand as copies in the record of another coder, which forked off: what that one used in all includes them.
CREATE TABLE copy (
    coder TEXT NOT NULL,        -- the fork, which may have no event of its own
    seq   INTEGER NOT NULL,     -- of the call
    PRIMARY KEY (coder, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX copy_by_seq ON copy (seq);
