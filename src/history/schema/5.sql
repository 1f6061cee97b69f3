-- Paths by their last component, which whoever gives the end of one gives: what stands behind the last slash.
CREATE INDEX path_by_name ON path (substr(path, length(rtrim(path, replace(path, '/', ''))) + 1));
