-- Calls of tools that failed, and the later ones of the same calls that did not (no outcome): whether a coder repeats itself.
CREATE TABLE failed_call (
    seq     INTEGER PRIMARY KEY,
    coder   INTEGER NOT NULL,
    call    TEXT NOT NULL,                      -- what stands for the tool and what it was given
    outcome TEXT,                               -- what stands for how it failed
    at      INTEGER NOT NULL,
    warned  INTEGER NOT NULL DEFAULT 0
) STRICT;
-- One call's, in order of time, which is all that is asked for.
CREATE INDEX failed_call_by_call ON failed_call (coder, call, at);
-- Events that a person was told of, by whichever process was first, and what kept that from working.
CREATE TABLE told (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, failure TEXT) STRICT;
