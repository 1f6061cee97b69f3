-- The history itself: which one, and where it stands.
CREATE TABLE ledger (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    tag           INTEGER NOT NULL,            -- 32 random bits: which history
    head          INTEGER NOT NULL DEFAULT 0,  -- newest seq ever given
    floor         INTEGER NOT NULL DEFAULT 0,  -- newest seq that retention removed
    rows          INTEGER NOT NULL DEFAULT 0,  -- events retained
    minutes_since INTEGER NOT NULL,            -- older buckets are hours wide; times are microseconds since 1970 throughout
    hours_since   INTEGER NOT NULL,            -- older buckets are dropped
    totals        TEXT NOT NULL DEFAULT '{}',  -- aggregate::Totals
    shed          INTEGER NOT NULL DEFAULT 0   -- rejections dropped to stay within the bound
) STRICT;

-- What was folded from events that retention removed.
CREATE TABLE base (one INTEGER PRIMARY KEY CHECK (one = 1), totals TEXT NOT NULL DEFAULT '{}') STRICT;
INSERT INTO base (one) VALUES (1);

CREATE TABLE coder (
    no       INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    state    TEXT NOT NULL,      -- aggregate::Coder
    base     TEXT,               -- the part of it whose events were removed
    finished INTEGER NOT NULL,
    last     INTEGER NOT NULL    -- last activity
) STRICT;
CREATE INDEX coder_by_activity ON coder (finished, last);

CREATE TABLE event (
    seq       INTEGER PRIMARY KEY,
    coder     INTEGER NOT NULL,
    type      INTEGER NOT NULL,
    at        INTEGER NOT NULL,  -- event time
    received  INTEGER NOT NULL,
    id        ANY,               -- given or from a natural key (16 bytes where it is a UUID); null: follows from received and seq
    completes INTEGER,           -- seq of the fact this adds to
    path      INTEGER,
    body      TEXT NOT NULL      -- Event::stored_body
) STRICT;
-- Every index is paid for by every event it holds: only those that a query needs, and partial where that is enough.
CREATE INDEX event_by_coder ON event (coder);
CREATE INDEX event_by_rare_type ON event (type) WHERE type < 32;
CREATE UNIQUE INDEX event_by_id ON event (id) WHERE id IS NOT NULL;
CREATE INDEX event_by_fact ON event (completes) WHERE completes IS NOT NULL;
CREATE INDEX event_by_path ON event (path) WHERE path IS NOT NULL;

-- The least and greatest event time of each run of 512 seqs: a time range needs no index on every event.
CREATE TABLE zone (no INTEGER PRIMARY KEY, least INTEGER NOT NULL, most INTEGER NOT NULL) STRICT;

-- Counts by event time: minutes for a day, then hours.
CREATE TABLE bucket (
    coder INTEGER NOT NULL,
    start INTEGER NOT NULL,
    width INTEGER NOT NULL,
    tally TEXT NOT NULL,         -- aggregate::Tally
    base  TEXT,                  -- the part of it whose events were removed
    PRIMARY KEY (coder, start, width)
) STRICT, WITHOUT ROWID;
CREATE INDEX bucket_by_start ON bucket (start);

CREATE TABLE path (no INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL UNIQUE) STRICT;
-- Which coder touched which file, and when last.
CREATE TABLE touch (
    path  INTEGER NOT NULL,
    coder INTEGER NOT NULL,
    last  INTEGER NOT NULL,
    base  INTEGER NOT NULL DEFAULT 0,  -- 1: some of it from removed events
    PRIMARY KEY (path, coder)
) STRICT, WITHOUT ROWID;
CREATE INDEX touch_by_coder ON touch (coder);

-- What the alert rule remembers.
CREATE TABLE failure (seq INTEGER PRIMARY KEY, coder INTEGER NOT NULL, at INTEGER NOT NULL, alerted INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX failure_by_coder ON failure (coder, at);

-- Drafts whose condition did not hold a moment ago: the same fed again must not be judged by what came of it since.
CREATE TABLE unmet (id BLOB PRIMARY KEY, received INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE rejection (
    no     INTEGER PRIMARY KEY AUTOINCREMENT,
    time   INTEGER NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    input  TEXT NOT NULL
) STRICT;
