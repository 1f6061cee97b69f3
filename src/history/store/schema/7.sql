-- Events up to this seq were counted before models and tools were counted apart; `check --repair` counts them anew.
ALTER TABLE ledger ADD COLUMN parts_since INTEGER NOT NULL DEFAULT 0;
UPDATE ledger SET parts_since = head;

-- The counts of coders that were evicted: their own are gone.
ALTER TABLE base ADD COLUMN evicted TEXT;
