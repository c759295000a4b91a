-- Who may use the console. Nobody is ever removed: the audit names them.
CREATE TABLE operators (
    name        TEXT    NOT NULL PRIMARY KEY COLLATE NOCASE,
    role        INTEGER NOT NULL, -- 0 viewer, 1 operator, 2 administrator
    password    TEXT    NOT NULL, -- argon2id, as a PHC string
    must_change INTEGER NOT NULL, -- 1: somebody else chose the password
    totp        TEXT,             -- the secret of the codes, sealed; NULL: none are asked for
    totp_new    TEXT,             -- the same, not confirmed by a first code yet
    totp_step   INTEGER NOT NULL, -- the last step of time whose code was taken
    disabled    INTEGER NOT NULL,
    made_at     INTEGER NOT NULL,
    seen_at     INTEGER           -- the last time somebody signed in
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    hash     BLOB    NOT NULL PRIMARY KEY, -- of the token that the browser has
    operator TEXT    NOT NULL COLLATE NOCASE,
    proved   INTEGER NOT NULL, -- 0: the password was right, and a code is still asked for
    began    INTEGER NOT NULL,
    seen     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_operator ON sessions (operator, proved, began);

-- Who tried to sign in and did not: by name, also of names that are nobody's.
CREATE TABLE tries (
    name     TEXT    NOT NULL PRIMARY KEY COLLATE NOCASE,
    failures INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    known    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tries_of_nobody ON tries (last) WHERE known = 0;

-- What was done. Rows are only ever added; each hash covers the row and the hash before it.
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    who     TEXT    NOT NULL,
    address TEXT    NOT NULL,
    act     TEXT    NOT NULL,
    kind    TEXT    NOT NULL, -- of what it was about
    about   TEXT    NOT NULL,
    bill_no TEXT,
    detail  TEXT    NOT NULL,
    outcome TEXT    NOT NULL,
    hash    BLOB    NOT NULL
) STRICT;
CREATE INDEX audit_by_who ON audit (who, id);
CREATE INDEX audit_by_act ON audit (act, id);
CREATE INDEX audit_by_bill ON audit (bill_no, id) WHERE bill_no IS NOT NULL;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit is only added to'); END;
CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the audit is only added to'); END;
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
    WHEN EXISTS (SELECT 1 FROM audit WHERE id >= NEW.id)
    BEGIN SELECT raise(ABORT, 'the audit is only added to'); END;

-- What takes a second operator.
CREATE TABLE approvals (
    id         INTEGER PRIMARY KEY,
    asked_by   TEXT    NOT NULL COLLATE NOCASE,
    asked_at   INTEGER NOT NULL,
    path       TEXT    NOT NULL, -- of the endpoint
    body       TEXT    NOT NULL, -- of the request, JSON
    mid        TEXT    NOT NULL,
    bill_no    TEXT    NOT NULL,
    bill_date  INTEGER NOT NULL,
    fen        INTEGER NOT NULL,
    reason     TEXT    NOT NULL,
    state      INTEGER NOT NULL, -- 0 waiting, 1 approved, 2 refused, 3 withdrawn, 4 expired, 5 carried out
    decided_by TEXT,
    decided_at INTEGER,
    note       TEXT    NOT NULL
) STRICT;
CREATE INDEX approvals_by_state ON approvals (state, id);
CREATE INDEX approvals_by_bill ON approvals (bill_no, id);
