-- Coders' states up to this seq were folded before all that is now told of a coder was; `check --repair` folds them anew.
ALTER TABLE ledger ADD COLUMN states_since INTEGER NOT NULL DEFAULT 0;
UPDATE ledger SET states_since = head;
