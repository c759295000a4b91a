-- The outbox: what merchants are told, and every try to tell them. Written by the gateway, and by
-- `holdfast notices resend` beside it.

-- `state` is 0 waiting, 1 delivered, 2 given up. The letters about one bill to one address form a line. Only
-- the first that waits in a line has `ready`, which is its `next`; so what is ready may go out at any time and
-- in any order without one letter's overtaking another. Ids are never used twice.
CREATE TABLE letters (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    seq       INTEGER NOT NULL, -- the record of the journal it tells of
    url       TEXT    NOT NULL,
    receiver  TEXT    NOT NULL, -- scheme, host and port of the url
    mid       TEXT    NOT NULL,
    bill_no   TEXT    NOT NULL,
    bill_date INTEGER NOT NULL, -- days since 1970-01-01
    event     TEXT    NOT NULL,
    notify_id TEXT    NOT NULL,
    pairs     TEXT    NOT NULL, -- a JSON list of names and values
    at        INTEGER NOT NULL, -- when it happened, like all times in ms since 1970
    state     INTEGER NOT NULL,
    tries     INTEGER NOT NULL, -- since it was put or last resent
    made      INTEGER NOT NULL, -- ever
    next      INTEGER NOT NULL, -- when it is tried next, or was to be
    ready     INTEGER,
    round     INTEGER NOT NULL, -- the round of resending it was last part of; 0 for none
    settled   INTEGER,          -- when it was delivered or given up
    UNIQUE (seq, url)
) STRICT;

-- Only what waits: a million letters at one receiver are one search away from the next receiver.
CREATE INDEX letters_ready ON letters (receiver, ready, id) WHERE ready IS NOT NULL;
CREATE INDEX letters_in_line ON letters (url, mid, bill_no, bill_date, id) WHERE state = 0;
CREATE INDEX letters_settled ON letters (state, settled) WHERE settled IS NOT NULL;
CREATE INDEX letters_resent ON letters (round, state) WHERE round > 0;
CREATE INDEX letters_by_merchant ON letters (mid, id);
CREATE INDEX letters_by_bill ON letters (bill_no, id);
CREATE INDEX letters_by_state ON letters (state, id);

CREATE TABLE tries (
    letter     INTEGER NOT NULL,
    number     INTEGER NOT NULL, -- 1, 2, 3, … of this letter
    at         INTEGER NOT NULL,
    took_ms    INTEGER NOT NULL,
    status     INTEGER,          -- of HTTP, if anybody answered
    trouble    TEXT,             -- why it did not deliver the letter; NULL when it did
    answer     BLOB    NOT NULL, -- the beginning of it
    looked_for TEXT    NOT NULL,
    PRIMARY KEY (letter, number)
) STRICT, WITHOUT ROWID;

-- One row.
CREATE TABLE outbox (
    cursor INTEGER NOT NULL, -- the last record of the journal whose letters are here
    newest INTEGER NOT NULL, -- when the last letter put is first due; none is due before one put earlier
    rounds INTEGER NOT NULL  -- how often somebody resent by hand
) STRICT;

INSERT INTO outbox VALUES (0, 0, 0);
