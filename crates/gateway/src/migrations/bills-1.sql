-- The view of the bills: what follows from the journal up to `folded`. It may be deleted, and is then
-- made again from the journal.

-- `state` is the whole bill, spelled by store/format.rs; the other columns are for finding it. Rows lie in
-- key order (WITHOUT ROWID), so that a bill is one search away and a merchant's bills lie together.
CREATE TABLE bills (
    mid       TEXT    NOT NULL,
    bill_no   TEXT    NOT NULL,
    bill_date INTEGER NOT NULL, -- days since 1970-01-01
    version   INTEGER NOT NULL,
    code      TEXT    NOT NULL, -- what the QR code carries
    due       INTEGER,          -- when time asks something of the bill, in ms since 1970; NULL for never
    open      INTEGER,          -- 1 while the channel has an order without an answer; otherwise NULL
    state     BLOB    NOT NULL,
    PRIMARY KEY (mid, bill_no, bill_date)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX bills_by_code ON bills (code);

-- Most bills are settled. These two hold only those that are not.
CREATE INDEX bills_due ON bills (due, mid, bill_no, bill_date) WHERE due IS NOT NULL;
CREATE INDEX bills_open ON bills (mid, bill_no, bill_date) WHERE open IS NOT NULL;

-- Captures and refunds under the merchant's own numbers, which are unique at that merchant.
CREATE TABLE orders (
    mid       TEXT    NOT NULL,
    order_id  TEXT    NOT NULL,
    bill_no   TEXT    NOT NULL,
    bill_date INTEGER NOT NULL,
    leg       BLOB    NOT NULL,
    PRIMARY KEY (mid, order_id)
) STRICT, WITHOUT ROWID;

-- One row: the last record of the journal that is in this view.
CREATE TABLE folded (
    seq INTEGER NOT NULL
) STRICT;

INSERT INTO folded VALUES (0);
