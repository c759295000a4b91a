-- Everything in this file follows from the journal: it is emptied, and folded again from the first record.
DROP TABLE bills;

-- `state` is the whole bill, spelled by store/format.rs; the other columns are for finding it. Rows lie in
-- key order (WITHOUT ROWID), so that a bill is one search away and a merchant's bills lie together.
CREATE TABLE bills (
    mid       TEXT    NOT NULL,
    bill_no   TEXT    NOT NULL,
    bill_date INTEGER NOT NULL, -- days since 1970-01-01
    version   INTEGER NOT NULL,
    last      INTEGER NOT NULL, -- its last record in the journal: there its history begins, read backwards
    code      TEXT,             -- what the QR code carries; NULL once another bill took the code over
    due       INTEGER,          -- when time asks something of the bill, in ms since 1970; NULL for never
    open      INTEGER,          -- 1 while the channel has an order without an answer; otherwise NULL
    state     BLOB    NOT NULL,
    PRIMARY KEY (mid, bill_no, bill_date)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX bills_by_code ON bills (code) WHERE code IS NOT NULL;

-- Most bills are settled. These two hold only those that are not.
CREATE INDEX bills_due ON bills (due, mid, bill_no, bill_date) WHERE due IS NOT NULL;
CREATE INDEX bills_open ON bills (mid, bill_no, bill_date) WHERE open IS NOT NULL;

DELETE FROM orders;

-- The last bill that each terminal made.
CREATE TABLE latest (
    mid       TEXT    NOT NULL,
    tid       TEXT    NOT NULL,
    bill_no   TEXT    NOT NULL,
    bill_date INTEGER NOT NULL,
    PRIMARY KEY (mid, tid)
) STRICT, WITHOUT ROWID;

-- The first and the last record of each business day on which money moved.
CREATE TABLE days (
    day   INTEGER PRIMARY KEY, -- days since 1970-01-01
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL
) STRICT;

UPDATE folded SET seq = 0;
