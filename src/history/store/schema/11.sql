-- Events whose id their sender gave in the form of those that are computed: what is computed of another coder, or of another
-- type, is not the same fact.
CREATE TABLE given (seq INTEGER PRIMARY KEY) STRICT;
