-- The journal: append-only, a row a commit, numbered 1, 2, 3, … without gaps. The truth that everything
-- else is derived from. `record` is spelled by store/format.rs and sealed for its number.
CREATE TABLE journal (
    seq    INTEGER PRIMARY KEY,
    record BLOB NOT NULL
) STRICT;
