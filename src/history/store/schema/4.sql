-- What facts say and when, by which another channel's reports are known. Ordered by time: what is looked for together lies together.
CREATE TABLE repeat (
    span  INTEGER NOT NULL,     -- of event time: its start
    id    BLOB NOT NULL,        -- the beginning of what is hashed from it
    seq   INTEGER NOT NULL,     -- of the fact
    named INTEGER NOT NULL,     -- 1: the fact has a natural id besides
    PRIMARY KEY (span, id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX repeat_by_seq ON repeat (seq);
INSERT INTO repeat
    SELECT at / 10000000 * 10000000, substr(id, 1, 8), seq, EXISTS (SELECT 1 FROM alias WHERE alias.seq = event.seq AND natural = 1)
    FROM event WHERE typeof(id) = 'blob' AND at >= 0;
INSERT OR IGNORE INTO repeat
    SELECT event.at / 10000000 * 10000000, substr(alias.id, 1, 8), seq, 1
    FROM alias JOIN event USING (seq) WHERE natural = 0 AND event.at >= 0;
-- From here on natural ids alone.
DELETE FROM alias WHERE natural = 0;

-- As before, but ordered by time too.
DROP TABLE unmet;
CREATE TABLE unmet (
    span     INTEGER NOT NULL,  -- of the time of receipt: its start
    id       BLOB NOT NULL,
    received INTEGER NOT NULL,
    PRIMARY KEY (span, id)
) STRICT, WITHOUT ROWID;

-- Who else changed a file lately: a few, however many did in all.
CREATE INDEX touch_by_time ON touch (path, last);
