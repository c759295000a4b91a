-- The finder: which bills there are, and by which numbers people know them. Everything in this file follows from the
-- journal: it may be deleted, and is made again.

-- What a row says of its bill is as of `folded`; what a bill really is, the store says. Ids are given in the order in
-- which bills were first seen here, and tell apart what happened in the same millisecond.
CREATE TABLE bills (
    id         INTEGER PRIMARY KEY,
    mid        TEXT    NOT NULL,
    bill_no    TEXT    NOT NULL,
    bill_date  INTEGER NOT NULL, -- days since 1970-01-01
    tid        TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    phase      TEXT    NOT NULL,
    status     TEXT    NOT NULL, -- as merchants see it
    amount     INTEGER NOT NULL, -- fen
    created_at INTEGER NOT NULL, -- like all times in ms since 1970
    changed_at INTEGER NOT NULL,
    deadline   INTEGER,          -- when held money goes back by itself; NULL while none is held
    UNIQUE (mid, bill_no, bill_date)
) STRICT;

-- One for each way through the bills. The id is the last column of each, as SQLite has it.
CREATE INDEX bills_by_time ON bills (created_at);
CREATE INDEX bills_by_merchant ON bills (mid, created_at);
CREATE INDEX bills_by_terminal ON bills (tid, created_at);
CREATE INDEX bills_by_stage ON bills (phase, status, created_at);
CREATE INDEX bills_by_merchant_stage ON bills (mid, phase, status, created_at);
CREATE INDEX bills_by_amount ON bills (amount, created_at);
CREATE INDEX bills_by_number ON bills (bill_no, created_at);
CREATE INDEX bills_by_deadline ON bills (deadline) WHERE deadline IS NOT NULL;
CREATE INDEX bills_by_merchant_deadline ON bills (mid, deadline) WHERE deadline IS NOT NULL;

-- The other numbers: codes, captures and refunds, requests.
CREATE TABLE numbers (
    number     TEXT    NOT NULL,
    created_at INTEGER NOT NULL, -- of the bill
    bill       INTEGER NOT NULL,
    PRIMARY KEY (number, created_at, bill)
) STRICT, WITHOUT ROWID;

-- The cards that paid, by the last four digits of their numbers.
CREATE TABLE cards (
    tail       TEXT    NOT NULL,
    created_at INTEGER NOT NULL, -- of the bill
    bill       INTEGER NOT NULL,
    PRIMARY KEY (tail, created_at, bill)
) STRICT, WITHOUT ROWID;

-- One row: the last record of the journal that is in here, and which record that was, so that the journal of another
-- gateway is not taken for this one's.
CREATE TABLE folded (
    seq  INTEGER NOT NULL,
    mark TEXT    NOT NULL
) STRICT;

INSERT INTO folded VALUES (0, '');
