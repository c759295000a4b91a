use std::path::Path;

use super::*;

/// Which language is shown to a browser that asks so.
fn check(query: &str, cookie: &str, accept: &str, expected: Language) {
    let request = hyper::Request::builder()
        .uri(format!("/page{query}"))
        .header(header::COOKIE, cookie)
        .header(header::ACCEPT_LANGUAGE, accept);
    let parts = request.body(()).unwrap().into_parts().0;
    let sheet = Sheet::of(&parts);
    assert_eq!(sheet.language, expected, "{query:?} {cookie:?} {accept:?}");
}

#[test]
fn a_page_is_in_the_language_that_was_chosen_or_that_the_browser_wants() {
    use Language::{Chinese, English};
    check("", "", "", Chinese);
    check("", "", "en-US,en;q=0.9", English);
    check("", "", "zh-CN,zh;q=0.9,en;q=0.8", Chinese);
    check("", "", "en;q=0.5, zh-TW;q=0.7", Chinese);
    check("", "", "en;q=0, zh;q=0.1", Chinese);
    check("", "", "fr, de;q=0.8, en;q=0.2", English);
    check("", "", "en, zh", English);
    check("", "a=b; lang=en", "zh", English);
    check("?lang=zh", "lang=en", "en", Chinese);
    check("?lang=xx", "lang=en", "zh", English);
    check("?a=1&lang=en&b=2", "lang=zh", "zh", English);
}

#[test]
fn the_switch_keeps_the_rest_of_the_address() {
    let parts = hyper::Request::get("/x?a=1&lang=en&b=%26").body(()).unwrap().into_parts().0;
    assert_eq!(Sheet::of(&parts).switch, "/x?a=1&b=%26&lang=zh");
}

#[test]
fn places_are_filled_in_either_order_and_never_twice() {
    let (one, two) = ("{1}", 2);
    let check = |language: Language, expected| {
        assert_eq!(language.f("{0} of {1}", "{1} 之 {0} {x}", &[&one, &two]), expected);
    };
    check(Language::English, "{1} of 2");
    check(Language::Chinese, "2 之 {1} {x}");
}

#[test]
fn sums_are_written_as_people_read_them() {
    for (fen, expected) in [
        (0, "¥0.00"),
        (5, "¥0.05"),
        (50_000, "¥500.00"),
        (100_000, "¥1,000.00"),
        (123_456_789, "¥1,234,567.89"),
        (-100_000, "-¥1,000.00"),
    ] {
        assert_eq!(money(fen), expected);
    }
}

/// All templates with their texts.
fn templates() -> Vec<(String, String)> {
    fn collect(dir: &Path, into: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => collect(&path, into),
                false => {
                    into.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
                }
            }
        }
    }
    let mut all = vec![];
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), &mut all);
    assert!(!all.is_empty());
    all
}

/// What of a template its reader sees although no language was asked: the words outside of tags and expressions, and
/// those of attributes that are read out or shown.
fn bare_words(template: &str) -> Vec<String> {
    let mut left = template;
    let mut text = String::new();
    // Expressions first: a tag may contain them.
    while let Some(start) =
        left.find("{{").into_iter().chain(left.find("{%")).chain(left.find("{#")).min()
    {
        let (before, rest) = left.split_at(start);
        let end = match rest.as_bytes()[1] {
            b'{' => "}}",
            b'%' => "%}",
            _ => "#}",
        };
        text.push_str(before);
        left = &rest[rest.find(end).expect("an expression ends") + 2..];
    }
    text.push_str(left);
    let (mut words, mut shown, mut rest) = (vec![], String::new(), text.as_str());
    while let Some((before, tag)) = rest.split_once('<') {
        shown.push_str(before);
        shown.push(' ');
        let (tag, after) = tag.split_once('>').expect("a tag ends");
        for attribute in ["title", "alt", "placeholder", "aria-label", "content"] {
            let given =
                tag.split_once(&format!(" {attribute}=\"")).and_then(|(_, v)| v.split_once('"'));
            if let Some((value, _)) = given.filter(|_| !tag.starts_with("meta")) {
                shown.push_str(value);
                shown.push(' ');
            }
        }
        rest = after;
    }
    shown.push_str(rest);
    for word in shown.split_whitespace() {
        let word = word.replace("&nbsp;", "").replace("&rarr;", "").replace("&larr;", "");
        if word.chars().any(char::is_alphabetic) {
            words.push(word);
        }
    }
    words
}

#[test]
fn every_text_of_every_template_is_in_both_languages() {
    /// Names, which are the same in both.
    const NAMES: [&str; 4] = ["Holdfast", "English", "中文", "CSV"];
    let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    for (file, text) in templates() {
        let bare: Vec<_> =
            bare_words(&text).into_iter().filter(|word| !NAMES.contains(&word.as_str())).collect();
        assert!(
            bare.is_empty(),
            "{file} has texts in one language only; write page.t(\"…\", \"…\"): {bare:?}"
        );
        // The second text of each pair is Chinese, the first one is not.
        for call in text.split("page.t(\"").chain(text.split("page.f(\"")).skip(1) {
            let Some((en, rest)) = call.split_once("\", \"") else { continue };
            let Some((zh, _)) = rest.split_once('"') else { continue };
            if en.contains('{') && en.contains('<') {
                continue;
            }
            assert!(!en.chars().any(is_chinese), "{file}: the first text is English: {en:?}");
            assert!(zh.chars().any(is_chinese), "{file}: the second text is Chinese: {zh:?}");
        }
    }
}

#[test]
fn the_test_of_templates_can_fail() {
    assert_eq!(
        bare_words("<p class=\"a\">{{ page.t(\"a\", \"b\") }}</p> 5 %"),
        Vec::<String>::new()
    );
    assert_eq!(bare_words("<p>Sign <b title=\"in\">x</b></p>"), ["Sign", "in", "x"]);
    assert_eq!(bare_words("{% if a %}登录{% endif %}"), ["登录"]);
}
