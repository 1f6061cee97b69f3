-- Paths by their last component, which whoever gives the end of one gives: what stands behind the last slash.
CREATE INDEX path_by_name ON path (substr(path, length(rtrim(path, replace(path, '/', ''))) + 1));

-- Who is in whose way, latest first: a few, however many there were in a day.
CREATE INDEX conflict_by_time ON conflict (last DESC, path, coder, other) WHERE coder < other;
