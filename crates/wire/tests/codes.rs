//! The table of error codes is complete and plain.

use std::collections::BTreeSet;

use holdfast_wire::{
    code::{Code, Fault, Repeat, Wait},
    explain,
    field::Note,
    messages::Failure,
};

#[test]
fn every_code_has_its_own_name_and_both_texts() {
    let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(names.len(), Code::ALL.len());
    for code in Code::ALL {
        let spec = code.spec();
        let told =
            [spec.text, spec.advice, spec.fault.text(), spec.repeat.text(), spec.wait.text()];
        for text in told.iter().chain(spec.causes) {
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
fn the_next_step_is_a_command_to_paste() {
    for code in Code::ALL {
        let next = code.spec().next;
        assert!(next.starts_with("holdfast ") && !next.contains('\n'), "{code}: {next}");
    }
}

#[test]
fn waiting_is_told_with_the_pauses_that_programs_get() {
    for code in Code::ALL {
        let spec = code.spec();
        // Whoever may not repeat without asking asks until it is known, unless asking tells it at once.
        let asks = spec.repeat == Repeat::AfterQuery && *code != Code::InvalidOrder;
        assert_eq!(spec.wait == Wait::UntilKnown, asks, "{code}");
        let Some((first, longest)) = spec.wait.pauses() else { continue };
        for text in [spec.wait.text().en, spec.wait.text().zh] {
            for pause in [first, longest] {
                assert!(text.contains(&pause.to_string()), "{code}: {pause} in {text}");
            }
        }
    }
}

#[test]
fn a_page_says_all_there_is_in_every_form() {
    for code in Code::ALL {
        let (page, spec) = (explain::page(*code), code.spec());
        let told =
            [spec.text, spec.advice, spec.fault.text(), spec.repeat.text(), spec.wait.text()];
        for form in [page.text(), page.markdown(1), page.html()] {
            assert!(form.contains(spec.name) && form.contains(&spec.status.to_string()), "{form}");
            for text in told.iter().chain(spec.causes) {
                let (en, zh) = (explain::escaped(text.en), explain::escaped(text.zh));
                let plain = form.contains(text.en) && form.contains(text.zh);
                assert!(plain || form.contains(&en) && form.contains(&zh), "{text:?} in {form}");
            }
            assert!(form.contains(spec.next), "{form}");
        }
    }
}

#[test]
fn nothing_breaks_out_of_the_html() {
    assert_eq!(explain::escaped("<a href='\"&"), "&lt;a href=&#39;&quot;&amp;");
    for code in Code::ALL {
        let html = explain::page(*code).html();
        // Every tag that is opened is closed: what a text contains opens none.
        for tag in ["h1", "h2", "dl", "dt", "dd", "ul", "li", "pre", "code", "span", "small", "p"] {
            let opened = html.matches(&format!("<{tag}>")).count()
                + html.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, html.matches(&format!("</{tag}>")).count(), "{code}: {tag}");
        }
    }
}

#[test]
fn the_page_of_all_codes_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
    let made = explain::document();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == made,
        "docs/errors.md is old; renew it with: UPDATE=1 cargo nextest run -p holdfast-wire codes"
    );
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
