//! The table of error codes is complete and plain.

use std::collections::BTreeSet;

use holdfast_wire::{
    code::{Code, Fault, Repeat},
    field::Note,
    messages::Failure,
};

#[test]
fn every_code_has_its_own_name_and_both_texts() {
    let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(names.len(), Code::ALL.len());
    for code in Code::ALL {
        let spec = code.spec();
        for text in [spec.text, spec.advice, spec.fault.text(), spec.repeat.text()] {
            assert!(!text.en.is_empty() && text.en.is_ascii(), "{code}");
            assert!(!text.zh.is_empty() && !text.zh.is_ascii(), "{code}");
        }
        assert_eq!(Code::named(spec.name), Some(*code));
        let failure = Failure::new(*code, holdfast_domain::Moment(0), Note::new(spec.text.zh));
        assert_eq!(failure.code(), Some(*code));
    }
    assert_eq!(Code::named("INVALID_MERCHANT_CONFIG"), None);
    assert_eq!(Code::named("no_order"), None);
}

#[test]
fn the_official_codes_are_all_there() {
    // `protocol.md` section 7.2.
    for name in [
        "SUCCESS",
        "INTERNAL_ERROR",
        "BAD_REQUEST",
        "NO_SERVICE",
        "TIMEOUT",
        "NO_ORDER",
        "OPERATION_NOT_ALLOWED",
        "TARGET_FAIL",
        "DUP_ORDER",
        "NET_ERROR",
        "NO_MERCHANT",
        "ORDER_PROCESSING",
        "INACTIVE_MERCHANT",
        "ABNORMAL_REQUEST_TIME",
        "TXN_DISCARDED",
        "BAD_SIGN",
        "INVALID_MSGSRC",
        "INVALID_ORDER",
        "NO_CROSS_DAY_TRADING",
        "DENIED_IP",
        "INVLID_MERCHANT_CONFIG",
        "INVALID_RESPONSE",
        "HAS_CANCELLED",
    ] {
        assert!(Code::named(name).is_some(), "{name}");
    }
}

#[test]
fn refusals_by_a_rule_are_answered_with_200() {
    let others: Vec<(&str, u16)> = Code::ALL
        .iter()
        .map(|code| (code.name(), code.status()))
        .filter(|(_, status)| *status != 200)
        .collect();
    assert_eq!(
        others,
        [
            ("BAD_SIGN", 401),
            ("1000", 412),
            ("ABNORMAL_REQUEST_TIME", 401),
            ("DENIED_IP", 403),
            ("NO_SERVICE", 404),
            ("TXN_DISCARDED", 503),
            ("INTERNAL_ERROR", 500),
        ]
    );
}

#[test]
fn an_outcome_that_is_not_known_is_never_repeated_blindly() {
    for code in Code::ALL {
        let spec = code.spec();
        if spec.text.en.contains("not known") {
            assert_eq!((spec.fault, spec.repeat), (Fault::Channel, Repeat::AfterQuery), "{code}");
        }
    }
}
