-- Apps, merchants, settings: few, seldom changed, and also written by commands beside a running gateway.
CREATE TABLE registry (
    kind   TEXT NOT NULL,
    id     TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
