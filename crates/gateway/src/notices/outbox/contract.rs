//! The contract every outbox keeps: each scenario runs on each of them.

use holdfast_domain::{BillKey, BillNo, Day, Mid, Moment};
use tempfile::TempDir;

use super::{
    super::{Letter, Outbox as _},
    Filter, Kept, Letters, MemoryOutbox, Outcome, Receiver, SqliteOutbox, State, Then, Try, sqlite,
};
use crate::{limits, store::files};

/// Runs every scenario on every outbox. A scenario that is not listed does not compile: it is never used.
macro_rules! scenarios {
    ($($scenario:ident)+) => {
        mod memory {
            $( #[tokio::test] async fn $scenario() {
                super::$scenario(&super::MemoryOutbox::new()).await;
            } )+
        }

        mod sqlite_outbox {
            $( #[tokio::test] async fn $scenario() {
                let dir = tempfile::TempDir::new().unwrap();
                super::$scenario(&super::SqliteOutbox::open(dir.path()).unwrap()).await;
            } )+
        }
    };
}

scenarios! {
    a_letter_is_kept_once_for_its_record_and_address
    the_cursor_never_goes_back
    first_tries_come_in_the_order_of_events
    what_was_told_of_late_is_not_due_before_what_was_put_earlier
    a_clock_that_was_wrong_once_does_not_keep_later_letters_waiting
    a_bill_s_letters_to_one_address_come_one_after_the_other
    a_letter_that_was_given_up_holds_nothing_back
    receivers_come_by_name_and_in_pages
    tries_are_kept_and_the_oldest_forgotten
    recording_twice_is_recording_once
    recording_twice_undoes_no_resending_in_between
    letters_are_found_by_what_they_are
    a_letter_that_was_given_up_can_be_resent_from_the_beginning
    a_letter_that_waits_can_be_hurried_and_keeps_its_tries
    resending_during_a_try_is_not_undone_by_it
    an_older_letter_that_is_resent_goes_before_the_later_ones
    many_letters_are_resent_in_steps
    what_waits_can_be_dropped_and_resent_and_nothing_else_is_touched
    dropping_during_a_try_stands_unless_the_letter_arrives
    what_was_settled_long_ago_is_removed_and_what_waits_never
}

async fn a_letter_is_kept_once_for_its_record_and_address(outbox: &dyn Letters) {
    let here = letter(1, "BILL01", "http://one/a");
    outbox.put(1, vec![here.clone(), letter(1, "BILL01", "http://one/b")]).await.unwrap();
    outbox.put(1, vec![Letter { event: "other".to_owned(), ..here.clone() }]).await.unwrap();
    let kept = outbox.list(&Filter::default(), None, 9).await.unwrap();
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[1].letter, here);
    assert_eq!(kept[1].receiver.as_str(), "http://one:80");
}

async fn the_cursor_never_goes_back(outbox: &dyn Letters) {
    assert_eq!(outbox.cursor().await.unwrap(), 0);
    outbox.put(7, vec![]).await.unwrap();
    outbox.put(5, vec![]).await.unwrap();
    assert_eq!(outbox.cursor().await.unwrap(), 7);
}

async fn first_tries_come_in_the_order_of_events(outbox: &dyn Letters) {
    put(outbox, "1 BILL01, 2 BILL02, 3 BILL03, 4 BILL04").await;
    check_due(outbox, 100, "1 2 3 4").await;
    check_due(outbox, 2, "1 2").await;
    check_due(outbox, 0, "").await;
    // One that failed does not hold the others back, and comes again when its time has come.
    fails(outbox, 1, 50).await;
    check_due(outbox, 49, "2 3 4").await;
    check_due(outbox, 50, "2 3 4 1").await;
}

async fn what_was_told_of_late_is_not_due_before_what_was_put_earlier(outbox: &dyn Letters) {
    let at =
        |seq, at| Letter { at: Moment(at), ..letter(seq, &format!("BILL0{seq}"), "http://one/") };
    outbox.put(3, vec![at(1, 10), at(2, 30), at(3, 20)]).await.unwrap();
    check_due(outbox, 20, "1").await;
    check_due(outbox, 30, "1 2 3").await;
    outbox.put(4, vec![at(4, 15)]).await.unwrap();
    check_due(outbox, 29, "1").await;
    check_due(outbox, 30, "1 2 3 4").await;
}

async fn a_clock_that_was_wrong_once_does_not_keep_later_letters_waiting(outbox: &dyn Letters) {
    let year = 366 * 86_400_000;
    for (seq, at) in [(1, 10), (2, year), (3, 20), (4, 30)] {
        let letter = letter(seq, &format!("BILL0{seq}"), "http://one/");
        outbox.put(seq, vec![Letter { at: Moment(at), ..letter }]).await.unwrap();
    }
    check_due(outbox, 30, "1 3 4").await;
    check_due(outbox, year, "1 3 4 2").await;
    resend(outbox, &Filter::one(2)).await;
    check_due(outbox, 30, "1 3 2 4").await;
    // A little back is no wrong clock.
    let back = letter(5, "BILL05", "http://one/");
    outbox.put(5, vec![Letter { at: Moment(30 - limits::NOTICE_BACK_MS), ..back }]).await.unwrap();
    check_due(outbox, 29, "1 3").await;
    check_due(outbox, 30, "1 3 2 4 5").await;
}

async fn a_bill_s_letters_to_one_address_come_one_after_the_other(outbox: &dyn Letters) {
    put(outbox, "1 BILL01, 2 BILL01, 3 BILL02, 4 BILL01").await;
    let elsewhere = Letter { url: "http://one/other".to_owned(), ..letter(2, "BILL01", "") };
    outbox.put(4, vec![elsewhere]).await.unwrap();
    check_due(outbox, 100, "1 3 2").await;
    fails(outbox, 1, 50).await;
    check_due(outbox, 49, "3 2").await;
    succeeds(outbox, 1).await;
    check_due(outbox, 49, "2 3 2").await;
    succeeds(outbox, 2).await;
    check_due(outbox, 49, "3 4 2").await;
    succeeds(outbox, 4).await;
    check_due(outbox, 49, "3 2").await;
}

async fn a_letter_that_was_given_up_holds_nothing_back(outbox: &dyn Letters) {
    put(outbox, "1 BILL01, 2 BILL01").await;
    gives_up(outbox, 1).await;
    check_due(outbox, 100, "2").await;
}

async fn receivers_come_by_name_and_in_pages(outbox: &dyn Letters) {
    let letters = [
        (1, "http://c/"),
        (2, "http://a/"),
        (3, "https://a/"),
        (4, "http://a:81/"),
        (5, "http://a/2"),
    ];
    let letters = letters.map(|(seq, url)| letter(seq, "BILL01", url));
    outbox.put(5, letters.into()).await.unwrap();
    let all = async |after: Option<&Receiver>, limit| {
        let found = outbox.receivers(after, limit).await.unwrap();
        let found: Vec<String> =
            found.iter().map(|(receiver, at)| format!("{receiver} {}", at.0)).collect();
        found.join(", ")
    };
    assert_eq!(all(None, 9).await, "http://a:80 2, http://a:81 4, http://c:80 1, https://a:443 3");
    assert_eq!(all(None, 2).await, "http://a:80 2, http://a:81 4");
    let after = Receiver::of("http://a:81");
    assert_eq!(all(Some(&after), 1).await, "http://c:80 1");
    fails(outbox, 1, 70).await;
    assert_eq!(all(Some(&after), 1).await, "http://c:80 70");
    succeeds(outbox, 1).await;
    assert_eq!(all(Some(&after), 9).await, "https://a:443 3");
}

async fn tries_are_kept_and_the_oldest_forgotten(outbox: &dyn Letters) {
    put(outbox, "1 BILL01").await;
    let most = limits::NOTICE_TRIES_KEPT;
    for tries in 1..=most + 3 {
        fails(outbox, 1, 50 + i64::from(tries)).await;
    }
    let kept = outbox.tries(1).await.unwrap();
    let numbers: Vec<u32> = kept.iter().map(|a_try| a_try.number).collect();
    assert_eq!(numbers, (4..=most + 3).collect::<Vec<_>>());
    assert_eq!(kept[0], Try { number: 4, ..a_try(1, Some("HTTP status 500")) });
    let letter = one(outbox, 1).await;
    assert_eq!((letter.made, letter.tries), (most + 3, most + 3));
    assert_eq!(letter.next, Moment(50 + i64::from(most) + 3));
}

async fn recording_twice_is_recording_once(outbox: &dyn Letters) {
    put(outbox, "1 BILL01, 2 BILL01").await;
    let first = one(outbox, 1).await;
    for then in [Then::Again(Moment(9)), Then::Delivered] {
        let outcomes = [outcome(&one(outbox, 1).await, then)];
        outbox.record(&outcomes).await.unwrap();
        let once = (one(outbox, 1).await, outbox.tries(1).await.unwrap());
        outbox.record(&outcomes).await.unwrap();
        assert_eq!((one(outbox, 1).await, outbox.tries(1).await.unwrap()), once);
    }
    assert_eq!(first.state, State::Waiting);
    check_due(outbox, 100, "2").await;
    // A letter that is no longer there is no fault.
    outbox.record(&[outcome(&Kept { id: 77, ..first }, Then::Delivered)]).await.unwrap();
    assert_eq!(outbox.tries(77).await.unwrap(), []);
}

async fn recording_twice_undoes_no_resending_in_between(outbox: &dyn Letters) {
    put(outbox, "1 BILL01").await;
    for then in [Then::Delivered, Then::GivenUp] {
        let outcomes = [outcome(&one(outbox, 1).await, then)];
        // It is written, whoever wrote it is told that it is not, and before that is noticed it is resent.
        outbox.record(&outcomes).await.unwrap();
        resend(outbox, &Filter::one(1)).await;
        let resent = (one(outbox, 1).await, outbox.tries(1).await.unwrap());
        outbox.record(&outcomes).await.unwrap();
        assert_eq!((one(outbox, 1).await, outbox.tries(1).await.unwrap()), resent, "{then:?}");
        check_due(outbox, 100, "1").await;
    }
}

async fn letters_are_found_by_what_they_are(outbox: &dyn Letters) {
    let of = |mid: &str, mut letter: Letter| {
        letter.mid = Mid::parse(mid).unwrap();
        letter.bill.mid = letter.mid.clone();
        letter
    };
    let released =
        Letter { event: "hold.released".to_owned(), ..letter(3, "BILL02", "http://one/") };
    outbox
        .put(
            4,
            vec![
                letter(1, "BILL01", "http://one/"),
                of("M2", letter(2, "BILL01", "http://one/")),
                released,
                letter(4, "BILL03", "http://one:81/"),
            ],
        )
        .await
        .unwrap();
    succeeds(outbox, 3).await;
    gives_up(outbox, 4).await;
    let mid = |mid| Filter { mid: Some(Mid::parse(mid).unwrap()), ..Filter::default() };
    let states = |states: &[State]| Filter { states: states.to_vec(), ..Filter::default() };
    let bill = |no| Filter { bill: Some(BillNo::parse(no).unwrap()), ..Filter::default() };
    let any = Filter::default;
    let to = |url| Filter { to: Some(Receiver::of(url)), ..Filter::default() };
    for (filter, expected) in [
        (any(), "4 3 2 1"),
        (Filter::one(2), "2"),
        (Filter::one(9), ""),
        (mid("M1"), "4 3 1"),
        (mid("M2"), "2"),
        (states(&[State::Waiting]), "2 1"),
        (states(&[State::Delivered]), "3"),
        (states(&[State::Waiting, State::GivenUp]), "4 2 1"),
        (Filter { states: vec![State::Waiting], ..mid("M1") }, "1"),
        (bill("BILL01"), "2 1"),
        (Filter { mid: mid("M2").mid, ..bill("BILL01") }, "2"),
        (Filter { event: Some("hold.released".to_owned()), ..any() }, "3"),
        (to("http://one"), "3 2 1"),
        (to("http://one:81/elsewhere"), "4"),
        (Filter { since: Some(Moment(3)), ..any() }, "4 3"),
        (Filter { since: Some(Moment(2)), until: Some(Moment(4)), ..any() }, "3 2"),
    ] {
        let found = outbox.list(&filter, None, 9).await.unwrap();
        assert_eq!(ids(&found), expected, "{filter:?}");
        let page = outbox.list(&filter, Some(4), 1).await.unwrap();
        let expected = expected.split(' ').find(|id| *id < "4").unwrap_or_default();
        assert_eq!(ids(&page), expected, "the first before 4 of {filter:?}");
    }
}

async fn a_letter_that_was_given_up_can_be_resent_from_the_beginning(outbox: &dyn Letters) {
    put(outbox, "1 BILL01, 2 BILL02").await;
    fails(outbox, 1, 50).await;
    gives_up(outbox, 1).await;
    succeeds(outbox, 2).await;
    check_due(outbox, 100, "").await;
    let before = outbox.rounds().await.unwrap();
    let round = resend(outbox, &Filter::one(1)).await;
    assert_eq!((outbox.rounds().await.unwrap(), before), (round, 0));
    check_due(outbox, 100, "1").await;
    let kept = one(outbox, 1).await;
    assert_eq!((kept.tries, kept.made, kept.state), (0, 2, State::Waiting));
    check_counts(outbox, round, [1, 0, 0]).await;
    // Also one that was delivered, and nothing that was not meant.
    let again = resend(outbox, &Filter::one(2)).await;
    check_due(outbox, 100, "1 2").await;
    succeeds(outbox, 2).await;
    check_counts(outbox, again, [0, 1, 0]).await;
    gives_up(outbox, 1).await;
    check_counts(outbox, round, [0, 0, 1]).await;
}

async fn a_letter_that_waits_can_be_hurried_and_keeps_its_tries(outbox: &dyn Letters) {
    put(outbox, "1 BILL01").await;
    fails(outbox, 1, 5_000).await;
    check_due(outbox, 100, "").await;
    resend(outbox, &Filter::one(1)).await;
    check_due(outbox, 100, "1").await;
    assert_eq!(one(outbox, 1).await.tries, 1);
}

async fn resending_during_a_try_is_not_undone_by_it(outbox: &dyn Letters) {
    for (then, state) in [
        (Then::Again(Moment(5_000)), State::Waiting),
        (Then::GivenUp, State::Waiting),
        (Then::Delivered, State::Delivered),
    ] {
        let seq = outbox.cursor().await.unwrap() + 1;
        put(outbox, &format!("{seq} BILL01")).await;
        let under_way = one(outbox, seq).await;
        resend(outbox, &Filter::one(seq)).await;
        outbox.record(&[outcome(&under_way, then)]).await.unwrap();
        let kept = one(outbox, seq).await;
        assert_eq!((kept.state, kept.made), (state, 1), "{then:?}");
        assert!(kept.next < Moment(100), "{then:?}");
        succeeds(outbox, seq).await;
    }
}

async fn an_older_letter_that_is_resent_goes_before_the_later_ones(outbox: &dyn Letters) {
    put(outbox, "1 BILL01, 2 BILL01").await;
    gives_up(outbox, 1).await;
    check_due(outbox, 100, "2").await;
    resend(outbox, &Filter::one(1)).await;
    check_due(outbox, 100, "1").await;
    succeeds(outbox, 1).await;
    check_due(outbox, 100, "2").await;
}

async fn many_letters_are_resent_in_steps(outbox: &dyn Letters) {
    let count = u64::try_from(limits::NOTICE_STEP).unwrap() * 2 + 1;
    let letters = (1..=count).map(|seq| letter(seq, &format!("BILL{seq:04}"), "http://one/"));
    outbox.put(count, letters.collect()).await.unwrap();
    let kept = outbox.list(&Filter::default(), None, usize::MAX).await.unwrap();
    let outcomes: Vec<Outcome> = kept.iter().map(|kept| outcome(kept, Then::GivenUp)).collect();
    outbox.record(&outcomes).await.unwrap();
    let round = outbox.begin_round().await.unwrap();
    let given_up = Filter { states: vec![State::GivenUp], ..Filter::default() };
    let mut after = 0;
    let mut steps = vec![];
    while let Some(last) = outbox.resend(&given_up, round, after).await.unwrap() {
        after = last;
        steps.push(last);
    }
    assert_eq!(steps, [count / 2, count - 1, count]);
    check_counts(outbox, round, [count, 0, 0]).await;
}

async fn what_waits_can_be_dropped_and_resent_and_nothing_else_is_touched(outbox: &dyn Letters) {
    put(outbox, "1 BILL01, 2 BILL01, 3 BILL02, 4 BILL03").await;
    succeeds(outbox, 3).await;
    let drop = async |filter: Filter| outbox.drop(&filter, Moment(70), 0).await.unwrap();
    assert_eq!(drop(Filter::one(3)).await, None, "it has arrived");
    assert_eq!(drop(Filter::one(1)).await, Some((1, 1)));
    check_due(outbox, 100, "2 4").await;
    let delivered = Filter { states: vec![State::Delivered], ..Filter::default() };
    assert_eq!(drop(delivered).await, None);
    assert_eq!(drop(Filter::default()).await, Some((2, 4)));
    assert_eq!(drop(Filter::default()).await, None, "they are dropped");
    check_due(outbox, 100, "").await;
    assert_eq!(one(outbox, 3).await.state, State::Delivered);
    // It counts as settled from then on.
    assert_eq!(outbox.sweep(Moment(70 + limits::NOTICE_GIVEN_UP_KEPT_MS)).await.unwrap(), 1);
    resend(outbox, &Filter::one(2)).await;
    check_due(outbox, 100, "2").await;
}

async fn dropping_during_a_try_stands_unless_the_letter_arrives(outbox: &dyn Letters) {
    for (seq, then, state) in [
        (1, Then::Again(Moment(5_000)), State::GivenUp),
        (2, Then::GivenUp, State::GivenUp),
        (3, Then::Delivered, State::Delivered),
    ] {
        put(outbox, &format!("{seq} BILL01")).await;
        let under_way = one(outbox, seq).await;
        outbox.drop(&Filter::one(seq), Moment(1), 0).await.unwrap();
        outbox.record(&[outcome(&under_way, then)]).await.unwrap();
        let kept = one(outbox, seq).await;
        assert_eq!((kept.state, kept.made), (state, 1), "{then:?}");
        check_due(outbox, 9_000, "").await;
    }
}

async fn what_was_settled_long_ago_is_removed_and_what_waits_never(outbox: &dyn Letters) {
    put(outbox, "1 BILL01, 2 BILL02, 3 BILL03").await;
    succeeds(outbox, 1).await;
    gives_up(outbox, 2).await;
    let all = async || ids(&outbox.list(&Filter::default(), None, 9).await.unwrap());
    // Tries of this test are made at 1.
    for (now, removed, left) in [
        (limits::NOTICE_DELIVERED_KEPT_MS + 1, 0, "3 2 1"),
        (limits::NOTICE_DELIVERED_KEPT_MS + 2, 1, "3 2"),
        (limits::NOTICE_GIVEN_UP_KEPT_MS + 1, 0, "3 2"),
        (limits::NOTICE_GIVEN_UP_KEPT_MS + 2, 1, "3"),
        (i64::MAX, 0, "3"),
    ] {
        assert_eq!(outbox.sweep(Moment(now)).await.unwrap(), removed, "at {now}");
        assert_eq!(all().await, left, "at {now}");
    }
    assert_eq!(outbox.tries(1).await.unwrap(), []);
    // The number is not used again.
    succeeds(outbox, 3).await;
    outbox.sweep(Moment(i64::MAX)).await.unwrap();
    put(outbox, "9 BILL09").await;
    assert_eq!(all().await, "4");
}

#[tokio::test]
async fn what_is_on_disk_is_there_again_and_seen_by_others() {
    let dir = TempDir::new().unwrap();
    let outbox = SqliteOutbox::open(dir.path()).unwrap();
    put(&outbox, "1 BILL01, 2 BILL02").await;
    fails(&outbox, 1, 50).await;
    let beside = SqliteOutbox::open_existing(dir.path()).unwrap();
    assert_eq!(one(&beside, 1).await, one(&outbox, 1).await);
    resend(&beside, &Filter::one(1)).await;
    assert_eq!(outbox.rounds().await.unwrap(), 1);
    check_due(&outbox, 10, "1 2").await;
    let (letter, tries) = (one(&outbox, 1).await, outbox.tries(1).await.unwrap());
    drop((outbox, beside));
    let again = SqliteOutbox::open(dir.path()).unwrap();
    assert_eq!((one(&again, 1).await, again.tries(1).await.unwrap()), (letter, tries));
    assert_eq!(again.cursor().await.unwrap(), 2);
}

#[test]
fn a_receiver_has_no_password_and_is_none_that_can_be_reached_instead() {
    for (url, expected) in [
        ("https://Shop.example/notify?a=@b", "https://shop.example:443"),
        ("http://me:s3cret@shop.example:80/n", "http://***@shop.example:80/n"),
        ("http://s3cret@shop.example:80", "http://***@shop.example:80"),
        ("http://me@s3cret@shop.example:99999/@", "http://***@shop.example:99999/@"),
        ("http://shop.example:99999/a@b", "http://shop.example:99999/a@b"),
        ("no address", "no address"),
    ] {
        assert_eq!(Receiver::of(url).as_str(), expected, "{url}");
    }
}

#[test]
fn a_command_does_not_make_an_outbox() {
    let dir = TempDir::new().unwrap();
    let refused = SqliteOutbox::open_existing(dir.path()).err().unwrap().to_string();
    assert!(refused.starts_with("there is no store in "), "{refused}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn no_question_to_the_outbox_reads_all_letters() {
    let dir = TempDir::new().unwrap();
    let file = files::NOTICES.open_writer(dir.path(), files::Durability::Full).unwrap();
    let plan = |query: &str| {
        let mut plan = file.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let values = plan.parameter_count();
        let given = rusqlite::params_from_iter((0..values).map(|_| rusqlite::types::Value::Null));
        let steps = plan.query_map(given, |row| row.get(3)).unwrap();
        steps.collect::<Result<Vec<String>, _>>().unwrap().join("; ")
    };
    for query in sqlite::QUERIES {
        let steps = plan(query);
        assert!(!steps.contains("SCAN") && !steps.contains("TEMP B-TREE"), "{query}: {steps}");
    }
    // What is listed is never sorted, and read from where the page begins.
    let mid = || Some(Mid::parse("M1").unwrap());
    for (filter, index) in [
        (Filter::default(), "PRIMARY KEY"),
        (Filter { mid: mid(), ..Filter::default() }, "letters_by_merchant"),
        (Filter { states: vec![State::GivenUp], ..Filter::default() }, "letters_by_state"),
        (
            Filter {
                mid: mid(),
                bill: Some(BillNo::parse("BILL01").unwrap()),
                ..Filter::default()
            },
            "letters_by_bill",
        ),
    ] {
        for end in [sqlite::End::Newest(None), sqlite::End::Oldest(0)] {
            let steps = plan(&sqlite::question(&filter, end, 9).0);
            assert!(steps.contains("SEARCH") && steps.contains(index), "{filter:?}: {steps}");
            assert!(!steps.contains("TEMP B-TREE"), "{filter:?}: {steps}");
        }
    }
}

fn letter(seq: u64, no: &str, url: &str) -> Letter {
    let mid = Mid::parse("M1").unwrap();
    Letter {
        seq,
        mid: mid.clone(),
        bill: BillKey { mid, no: BillNo::parse(no).unwrap(), date: Day(0) },
        event: "hold.authorized".to_owned(),
        notify_id: format!("N{seq}"),
        url: url.to_owned(),
        pairs: vec![("billNo".to_owned(), no.to_owned()), ("gY".to_owned(), "Snwz".to_owned())],
        at: Moment(i64::try_from(seq).unwrap()),
    }
}

/// Puts letters to one address, written as record and bill.
async fn put(outbox: &dyn Letters, letters: &str) {
    for words in letters.split(", ") {
        let (seq, no) = words.split_once(' ').unwrap();
        let seq = seq.parse().unwrap();
        outbox.put(seq, vec![letter(seq, no, "http://one/")]).await.unwrap();
    }
}

async fn one(outbox: &dyn Letters, id: u64) -> Kept {
    outbox.list(&Filter::one(id), None, 1).await.unwrap().remove(0)
}

fn a_try(number: u32, trouble: Option<&str>) -> Try {
    Try {
        number,
        at: Moment(1),
        took_ms: 12,
        status: Some(500),
        trouble: trouble.map(str::to_owned),
        answer: vec![b'x'; 3],
        looked_for: "OK".to_owned(),
    }
}

fn outcome(kept: &Kept, then: Then) -> Outcome {
    let trouble = (then != Then::Delivered).then_some("HTTP status 500");
    Outcome {
        id: kept.id,
        round: kept.round,
        tries: kept.tries + 1,
        made: a_try(kept.made + 1, trouble),
        then,
    }
}

async fn fails(outbox: &dyn Letters, id: u64, next: i64) {
    let outcome = outcome(&one(outbox, id).await, Then::Again(Moment(next)));
    outbox.record(&[outcome]).await.unwrap();
}

async fn succeeds(outbox: &dyn Letters, id: u64) {
    outbox.record(&[outcome(&one(outbox, id).await, Then::Delivered)]).await.unwrap();
}

async fn gives_up(outbox: &dyn Letters, id: u64) {
    outbox.record(&[outcome(&one(outbox, id).await, Then::GivenUp)]).await.unwrap();
}

/// A round of resending, whole.
async fn resend(outbox: &dyn Letters, filter: &Filter) -> u64 {
    let round = outbox.begin_round().await.unwrap();
    let mut after = 0;
    while let Some(last) = outbox.resend(filter, round, after).await.unwrap() {
        after = last;
    }
    round
}

fn ids(letters: &[Kept]) -> String {
    letters.iter().map(|kept| kept.id.to_string()).collect::<Vec<_>>().join(" ")
}

/// The records of the letters that are due, in their order.
async fn check_due(outbox: &dyn Letters, now: i64, expected: &str) {
    let receiver = Receiver::of("http://one/");
    let found = outbox.due(&receiver, Moment(now), 99).await.unwrap();
    let found: Vec<String> = found.iter().map(|kept| kept.letter.seq.to_string()).collect();
    assert_eq!(found.join(" "), expected, "due at {now}");
}

async fn check_counts(outbox: &dyn Letters, round: u64, expected: [u64; 3]) {
    let counts = outbox.counts(round).await.unwrap();
    assert_eq!([counts.waiting, counts.delivered, counts.given_up], expected);
}
