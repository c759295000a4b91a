//! Every bound in one place. Everything that grows has one.

// Requests

/// The largest request body, in bytes.
pub const BODY_BYTES: usize = 64 * 1024;
/// The largest request line and headers together, in bytes.
pub const HEADER_BYTES: usize = 16 * 1024;
/// The most headers of one request.
pub const HEADERS: usize = 64;
/// How long a caller may take to send its headers, in milliseconds, also between two requests on one connection.
pub const HEADER_MS: u64 = 30_000;
/// How long a caller may take to send its body, in milliseconds.
pub const BODY_MS: u64 = 10_000;
/// The most connections at once; more wait to be accepted.
pub const CONNECTIONS: usize = 4_096;
/// The most requests being worked on at once; more are answered `TXN_DISCARDED`.
pub const REQUESTS: usize = 2_048;
/// How long a stopping gateway waits for what it has accepted, in milliseconds.
pub const STOP_MS: u64 = 30_000;

// Traffic, which only a test gateway keeps

/// The most exchanges that are kept; more push the oldest out.
pub const TRAFFIC_EXCHANGES: usize = 1_000;
/// What all of them together may take in memory, in bytes; what is told of them included.
pub const TRAFFIC_BYTES: usize = 16 * 1024 * 1024;
/// How much of an answer is kept, in bytes.
pub const TRAFFIC_ANSWER_BYTES: usize = 64 * 1024;
/// How much of a body or an answer is shown, in bytes.
pub const TRAFFIC_SHOWN_BYTES: usize = 16 * 1024;
/// Exchanges on one page.
pub const TRAFFIC_PAGE: usize = 50;

// Authentication

/// The most nonces remembered at once; beyond it requests are answered `TXN_DISCARDED`.
pub const NONCES: usize = 4_000_000;
/// How many records of the journal are looked through at once for nonces at the start.
pub const RECALL: u64 = 10_000;
/// The most live tokens of one app; one more ends the oldest (`protocol.md` section 2.2).
pub const TOKENS: usize = 10;
/// How long a token lives, in milliseconds (`protocol.md` section 2.2).
pub const TOKEN_MS: i64 = 3_600_000;
/// The most merchants, and the most apps, of one gateway.
pub const ACCOUNTS: usize = 100_000;
/// The most terminals that a merchant can have registered.
pub const TERMINALS: usize = 1_000;
/// The most live keys of one app: the new one and the one it replaces.
pub const KEYS: usize = 2;

// Bills

/// How long a one-off code can be paid when the merchant says nothing else, in milliseconds
/// (`protocol.md` section 3.4).
pub const CODE_MS: i64 = 30 * 60_000;
/// The longest time a merchant may give the payer, in milliseconds: one year.
pub const CODE_MS_MAX: i64 = 366 * 86_400_000;
/// How many bills of one number on different dates are looked at where a request names no date.
pub const DATES: usize = 16;
/// The most fixed codes of one gateway, closed ones included: they are kept for good.
pub const FIXED_CODES: usize = 100_000;
/// How long a merchant's system may take to say how much is to be paid, in milliseconds: the payer waits.
pub const AMOUNT_MS: u64 = 5_000;
/// The most such questions at once.
pub const AMOUNT_QUESTIONS: usize = 64;
/// How often a change is decided again because another one was faster.
pub const COMMIT_TRIES: u32 = 16;

// The worker

/// The most bills the worker takes up in one look.
pub const WORKER_LOOK: usize = 1_000;
/// The most bills the worker remembers having looked at.
pub const WORKER_MEMORY: usize = 100_000;
/// The most jobs of the worker at once.
pub const WORKER_PLACES: usize = 64;
/// The longest time between two looks of the worker, in milliseconds.
pub const WORKER_PAUSE_MS: i64 = 1_000;
/// The first pause before an unknown outcome is asked about, in milliseconds; it doubles each time.
pub const ASK_PAUSE_MS: i64 = 1_000;
/// The longest pause between two questions about an unknown outcome, in milliseconds.
pub const ASK_PAUSE_MS_MAX: i64 = 600_000;

// The simulated channel

/// The most scenarios set by call.
pub const SCENARIOS: usize = 1_000;
/// How late the scenario `late` is, in milliseconds.
pub const SIMULATED_LATE_MS: i64 = 20_000;
/// How long the scenario `lostorder` goes on losing an order, in milliseconds.
pub const SIMULATED_LOST_MS: i64 = 1_000;

// Notices

/// Journal records that the announcer reads at a time.
pub const ANNOUNCER_PAGE: usize = 1_024;
/// After so many records without a notice the announcer makes its place in the journal durable all the same.
pub const ANNOUNCER_SILENCE: u64 = 4_096;
/// Bills that the announcer keeps in each of two generations, so that it need not replay them.
pub const ANNOUNCER_BILLS: usize = 8_192;
/// How long the announcer waits between two looks at the journal, so that one look serves many commits, in
/// milliseconds.
pub const ANNOUNCER_GATHER_MS: u64 = 20;
/// How long the announcer waits after a fault, in milliseconds, and at most until it looks without being woken.
pub const ANNOUNCER_PAUSE_MS: u64 = 1_000;
/// How long one try to deliver a notice may take altogether, in milliseconds.
pub const NOTICE_TRY_MS: u64 = 10_000;
/// How long one address of a receiver may take to accept a connection, in milliseconds.
pub const NOTICE_CONNECT_MS: u64 = 3_000;
/// The most addresses of one name that are looked at.
pub const NOTICE_ADDRESSES: usize = 16;
/// How much of an answer to a notice is read, in bytes.
pub const NOTICE_ANSWER_BYTES: usize = 64 * 1024;
/// How much of an answer to a notice is kept, in bytes.
pub const NOTICE_ANSWER_KEPT: usize = 1024;
/// The most tries under way at one receiver.
pub const NOTICE_PER_RECEIVER: usize = 8;
/// The most tries under way at once.
pub const NOTICE_CONNECTIONS: usize = 256;
/// The most names of receivers that are looked up at once. The system ends a lookup when it likes, long after its
/// try was given up; so there are more of them than tries, and fewer than tokio has threads (512): a broken name
/// server does not take the threads that write files.
pub const NOTICE_LOOKUPS: usize = 384;
/// How far back the machine's clock may have gone, in milliseconds, for new letters to wait until those from before
/// have been due. After a clock that was wrong by more, nobody waits for the time it showed.
pub const NOTICE_BACK_MS: i64 = 60_000;
/// Receivers asked of the outbox at a time.
pub const NOTICE_RECEIVERS: usize = 256;
/// How often the courier looks whether another process wrote to the outbox, in milliseconds.
pub const NOTICE_POLL_MS: u64 = 500;
/// Tries in a row on which nobody answered, after which a receiver is only probed.
pub const NOTICE_SILENT: u32 = 5;
/// The first pause between two probes of a silent receiver, in milliseconds; it doubles each time.
pub const NOTICE_PROBE_MS: i64 = 15_000;
/// The longest pause between two probes, in milliseconds.
pub const NOTICE_PROBE_MS_MAX: i64 = 300_000;
/// Letters that are resent or removed in one transaction, at most.
pub const NOTICE_STEP: usize = 500;
/// Tries that are kept of one letter, the newest; more come of resending by hand only.
pub const NOTICE_TRIES_KEPT: u32 = 64;
/// How long a delivered letter is kept, in milliseconds: 90 days. One that waits is kept for ever.
pub const NOTICE_DELIVERED_KEPT_MS: i64 = 90 * 86_400_000;
/// How long a letter that was given up is kept for being resent, in milliseconds: a year.
pub const NOTICE_GIVEN_UP_KEPT_MS: i64 = 366 * 86_400_000;
/// How long after something happened a letter of it that still waits is overdue, in milliseconds.
pub const NOTICE_OVERDUE_MS: i64 = 5 * 60_000;
/// Letters on one page of the console.
pub const NOTICES_PAGE: usize = 50;
/// How far the console counts letters in a state.
pub const NOTICES_COUNTED: usize = 200;
/// Letters that the preview of a resend lists.
pub const NOTICES_PREVIEWED: usize = 10;
/// Receivers that the console looks at for silent ones, at most.
pub const NOTICE_RECEIVERS_SHOWN: usize = 64;

// Events

/// The most callers that wait for events at once; more are answered `TXN_DISCARDED`. They have places of their own,
/// so that waiting keeps no request out.
pub const LISTENERS: usize = 256;
/// Events in one answer, at most.
pub const EVENTS: usize = 20;
/// The longest notices of one answer together, in bytes.
pub const EVENTS_BYTES: usize = 512 * 1024;
/// Journal records that are looked through for one answer, at most. Whoever has few events in a long journal is
/// answered a cursor that moved on.
pub const EVENTS_SCAN: usize = 2_048;
/// How long a caller that waits lets commits gather before it looks at the journal again, in milliseconds.
pub const EVENTS_GATHER_MS: u64 = 50;

// The store

use std::time::Duration;

/// Commits that wait for the store's writer, at most. Whoever comes then waits for room.
pub const COMMIT_QUEUE: usize = 4_096;

/// Commits in one transaction of the journal, at most.
pub const COMMIT_BATCH: usize = 1_024;

/// After so many commits the journal is folded into the view of the bills.
pub const FOLD_COMMITS: usize = 32_768;

/// After so long the journal is folded, however few commits there were.
pub const FOLD_PACE: Duration = Duration::from_secs(1);

/// Commits that are not folded yet and not being folded, at most. Then the writer waits for the fold.
pub const UNFOLDED_COMMITS: usize = 4 * FOLD_COMMITS;

/// Commits that are not folded yet and are replayed into memory by a reader beside the gateway, at most:
/// what the gateway itself keeps in memory, and some more.
pub const FOLLOWED_COMMITS: usize = 3 * UNFOLDED_COMMITS;

/// Rows folded into the view after which its log is written back.
pub const VIEW_LOG_ROWS: usize = 16_384;

/// Records appended to the journal after which its log is written back.
pub const JOURNAL_LOG_RECORDS: usize = 65_536;

/// Connections for reading that are kept for the next reader, at most, per file.
pub const IDLE_READERS: usize = 16;

/// How long a connection waits for another process that writes the same file.
pub const FILE_BUSY: Duration = Duration::from_secs(5);

/// Journal records read at a time where all of them are read.
pub const JOURNAL_PAGE: usize = 4_096;

/// Bills or orders read at a time where all of them are read.
pub const BILL_PAGE: usize = 1_024;

/// Bills and orders that a proof of the ledger keeps in memory, at most (some 100 MB). For more it reads
/// the journal again.
pub const PROOF_BILLS: usize = 100_000;

/// Differences that a proof of the ledger tells in full, at most. The others are counted.
pub const PROOF_DIFFERENCES: usize = 100;

/// Differences of the last proof that the console keeps and shows, at most.
pub const PROOF_DIFFERENCES_KEPT: usize = 20;

/// How much of the text of a difference it keeps, in characters.
pub const PROOF_TEXT_KEPT: usize = 1_000;

// The finder

/// Records of the journal that are folded into the index in one transaction.
pub const FINDER_PAGE: usize = 512;
/// How long commits gather before they are folded, in milliseconds.
pub const FINDER_GATHER_MS: u64 = 200;
/// How long the finder waits after a fault, and at most until it looks without being woken, in milliseconds.
pub const FINDER_PAUSE_MS: u64 = 1_000;
/// Pages of the journal that are folded before a question is answered, at most. Beyond it the answer says how far the
/// index is behind.
pub const FINDER_CATCH_UP: usize = 4;
/// Bills that are looked through for one page where no index tells those that are wanted apart, at most.
pub const FINDER_LOOK: usize = 5_000;
/// Bills of one page, at most.
pub const FINDER_ROWS: usize = 1_000;
/// The longest number that is looked for, in characters.
pub const FINDER_TEXT: usize = 128;

// Statements

/// How long after its end a business day may still get records, in milliseconds: what was decided in the last
/// moment and waited for the disk.
pub const STATEMENT_GRACE_MS: i64 = 5 * 60_000;

/// Bills that are remembered while statements are made, at most. Others are read from their history again.
pub const STATEMENT_BILLS: usize = 4_096;

/// Statements that are written at once, at most, each into a file of its own.
pub const STATEMENTS_AT_ONCE: usize = 256;

/// Business days that are stated by one command, at most.
pub const STATEMENT_DAYS: i32 = 366;

// Operators

/// The most operators of one gateway, those included that may no longer sign in: they are never removed.
pub const OPERATORS: usize = 1_000;
/// Passwords hashed at once; each takes 19 MiB.
pub const HASHES: usize = 2;
/// Passwords that are hashed or wait for it, at most; more are told to come again.
pub const HASHES_WAITING: usize = 32;
/// The most sessions of one operator; one more ends the oldest.
pub const SESSIONS: usize = 10;
/// How long a session lasts at most, in milliseconds.
pub const SESSION_MS: i64 = 12 * 3_600_000;
/// How long a session lasts while nobody uses it, in milliseconds.
pub const SESSION_IDLE_MS: i64 = 30 * 60_000;
/// How often it is written down that a session was used, in milliseconds.
pub const SESSION_SEEN_MS: i64 = 60_000;
/// How long somebody whose password was right may take to give the code, in milliseconds.
pub const CODE_PAUSE_MS: i64 = 5 * 60_000;
/// Failures to sign in under one name that cost no pause.
pub const NAME_FREE_TRIES: u32 = 5;
/// The longest pause of a name, in milliseconds: whoever wants to shut somebody out has to come back for it.
pub const NAME_PAUSE_MS_MAX: i64 = 15 * 60_000;
/// Failures to sign in from one address that cost no pause.
pub const ADDRESS_FREE_TRIES: u32 = 10;
/// The longest pause of an address, in milliseconds.
pub const ADDRESS_PAUSE_MS_MAX: i64 = 3_600_000;
/// The first pause, in milliseconds; it doubles each time.
pub const PAUSE_MS: i64 = 30_000;
/// How long failures are remembered, in milliseconds.
pub const FAILURES_KEPT_MS: i64 = 86_400_000;
/// Addresses whose failures are remembered, at most.
pub const FAILING_ADDRESSES: usize = 10_000;
/// Names that are nobody's whose failures are remembered, at most.
pub const FAILING_NAMES: u32 = 10_000;
/// The longest detail of an entry in the audit, in characters.
pub const AUDIT_DETAIL: usize = 1_000;
/// Entries of the audit on one page.
pub const AUDIT_PAGE: usize = 50;
/// Entries of the audit that are read at a time where many are written out.
pub const AUDIT_EXPORT: usize = 1_000;
/// How long a request for approval waits, in milliseconds.
pub const APPROVAL_MS: i64 = 86_400_000;
/// Requests for approval that wait at once, at most.
pub const APPROVALS_WAITING: u32 = 1_000;

// The console's figures

/// Business days that the tally keeps before the newest one.
pub const TALLY_DAYS: u16 = 35;
/// Business days that a chart of the overview shows.
pub const TALLY_CHART_DAYS: u16 = 14;
/// Open orders that the tally remembers, at most. Others are read from their bill's history again.
pub const TALLY_OPEN: usize = 65_536;
/// Pages of the journal that are counted while the reader of a page waits, at most.
pub const TALLY_LOOK_PAGES: usize = 8;
/// How long the tally lets commits gather before it counts them, in milliseconds.
pub const TALLY_GATHER_MS: u64 = 1_000;
/// Open orders that the overview looks at, at most.
pub const OVERVIEW_OPEN: usize = 200;
/// Open orders that the overview names, at most.
pub const OVERVIEW_OPEN_NAMED: usize = 8;
/// Notices that the overview counts, at most.
pub const OVERVIEW_NOTICES: usize = 200;

// The cashier

/// The largest form of a payer, in bytes.
pub const CASHIER_FORM: usize = 4_096;
/// The longest name of a payer, and the longest number of a certificate, in characters.
pub const CASHIER_NAME: usize = 64;

// The console: bills and what is done to them

/// Bills on one page of the list.
pub const BILLS_PAGE: usize = 50;
/// Exports that are remembered, at most; more push out the oldest that is not on its way.
pub const EXPORTS: usize = 100;
/// Exports that are on their way at once, at most.
pub const EXPORTS_AT_ONCE: usize = 4;
/// Bills of an export that are read at a time.
pub const EXPORT_PAGE: usize = 500;
/// How long nobody may take a piece of an export before it is broken off, in milliseconds.
pub const EXPORT_STALL_MS: u64 = 60_000;
/// Holds of one page of the expiry radar.
pub const EXPIRY_PAGE: usize = 50;
/// Holds that are released or reminded of in one go, at most.
pub const EXPIRY_BULK: usize = 100;
/// The longest reason for it, in characters.
pub const EXPIRY_REASON: usize = 200;
/// The length of the name of such a run.
pub const EXPIRY_RUN_NAME: usize = 32;
/// Runs under way at once, at most.
pub const EXPIRY_RUNS_AT_ONCE: usize = 4;
/// Runs that are remembered.
pub const EXPIRY_RUNS_KEPT: usize = 32;
/// Runs that the radar names.
pub const EXPIRY_RUNS_SHOWN: usize = 5;
/// How often a run looks for room for its next request, and how long it waits in between, in milliseconds.
pub const EXPIRY_ROOM_TRIES: u32 = 100;
/// See [`EXPIRY_ROOM_TRIES`].
pub const EXPIRY_ROOM_PAUSE_MS: u64 = 100;
/// Notices of one bill's reminders that are looked at, at most.
pub const EXPIRY_NOTICES: usize = 50;
/// Requests for approval that the page of a bill shows in each state, at most.
pub const BILL_APPROVALS: usize = 20;
/// Entries of the audit that the page of a bill shows, at most.
pub const BILL_AUDIT: usize = 50;
/// Notices that the page of a bill shows, at most.
pub const BILL_NOTICES: usize = 200;
/// A deadline that is nearer than this is marked, in milliseconds.
pub const DEADLINE_NEAR_MS: i64 = 3 * 86_400_000;
/// The longest reason of an operator, in characters.
pub const REASON: usize = 200;
/// Requests for approval of one page of those that were decided.
pub const APPROVALS_PAGE: usize = 50;
/// Requests for approval that wait and are shown in full, at most: the oldest.
pub const APPROVALS_SHOWN: usize = 100;
/// Terminals that are offered to whoever takes a hold, at most.
pub const TERMINALS_OFFERED: usize = 500;

// The console: merchants, apps, statements

/// Statements that the console makes at once, at most, downloads included; each keeps what one page of the journal makes.
pub const STATEMENTS_MADE: usize = 8;
/// Statements of one day that a page sums up, at most.
pub const STATEMENTS_SHOWN: usize = 100;
/// Lines of each section that the page of a statement shows, at most; the others are in its files.
pub const STATEMENT_LINES_SHOWN: usize = 100;
/// Merchants that a list to choose from is good for; of more, the number is typed.
pub const STATEMENT_MERCHANTS: usize = 500;
/// What is kept of what was typed, in characters.
pub const STATEMENT_TYPED: usize = 64;
/// Merchants on one page of the console, and apps.
pub const ACCOUNTS_PAGE: usize = 50;
/// Apps of one merchant that its page names, at most.
pub const MERCHANT_APPS_SHOWN: usize = 50;
/// Merchants that one app may act for, and networks it may call from, at most as a form takes them.
pub const APP_LINES: usize = 1_000;
/// How long an old key may stay good beside its successor, in milliseconds: a year.
pub const KEY_OVERLAP_MS: i64 = 366 * 86_400_000;
/// Lines of each section of a statement that its page shows; the download has all.
pub const STATEMENT_LINES: usize = 100;
/// Pages with statements that are made at once; others wait.
pub const STATEMENT_PAGES: usize = 2;
/// Statements that are downloaded at once, at most; more are told to come again.
pub const STATEMENT_DOWNLOADS: usize = 16;
/// Merchants that the choice of a statement offers, at most. Any other can be typed.
pub const STATEMENT_CHOICE: usize = 200;

// The console: operators and the audit
/// What is typed to find entries of the audit, in characters.
pub const AUDIT_TYPED: usize = 64;
