//! What `sign explain` shows: the text that is signed, both signatures, where they part, and why.

use holdfast_wire::{
    diagnosis::{Claim, Instead, Mistake, Piece},
    notice,
};
use serde_json::{Value, json};

use super::{Explained, input::Note, input::Scheme};
use crate::screen::{Screen, Tone, left, right, width};

/// How wide everything is.
const COLUMNS: usize = 80;
/// Where texts begin that stand beside each other.
const LABEL: usize = 16;

/// By which pieces are told from their neighbours.
const TONES: [Tone; 4] = [Tone::Notable, Tone::Good, Tone::Strong, Tone::Quiet];

/// The formula by which a scheme signs, and where the key has its place in it.
fn formula(explained: &Explained<'_>) -> String {
    match (explained.input.scheme, explained.claim) {
        (Scheme::BodySig | Scheme::FormParam, _) => {
            "Base64(HMAC-SHA-256(‹AppKey›, text))".to_owned()
        }
        (Scheme::Token, Claim::Token(token)) => {
            let digest = if token.sign_method.is_some() { "SHA-256" } else { "SHA-1" };
            format!("hex({digest}(text + ‹AppKey›))")
        }
        _ => {
            let digest = if explained.digits() == 64 { "SHA-256" } else { "MD5" };
            format!("hex({digest}(text + ‹communication key 通讯密钥›))")
        }
    }
}

fn title(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::BodySig => "OPEN-BODY-SIG request 请求",
        Scheme::FormParam => "OPEN-FORM-PARAM request 请求",
        Scheme::Token => "request for a token 令牌请求",
        Scheme::Notice => "notice 通知",
        Scheme::Legacy => "predecessor protocol 旧协议",
    }
}

/// The whole explanation for people.
pub(super) fn text(explained: &Explained<'_>, screen: &Screen) -> String {
    let heading = |text: &str| screen.tone(Tone::Strong, text);
    let Explained { input, claim, .. } = explained;
    let mut lines =
        vec![heading(&format!("{}, {}", title(input.scheme), input.form.shown())), String::new()];
    let pieces = claim.pieces();
    let bytes: usize = pieces.iter().map(|piece| piece.text.len()).sum();
    lines.push(heading(&format!("text that is signed 待签名串 ({bytes} bytes 字节)")));
    match input.scheme {
        Scheme::Notice | Scheme::Legacy => {
            lines.extend(pairs(&pieces, screen));
            lines.push(screen.tone(
                Tone::Quiet,
                "    ‹communication key 通讯密钥› right behind, nothing between 紧接其后",
            ));
            lines.extend(left_out(claim).map(|text| screen.tone(Tone::Quiet, &text)));
        }
        _ => {
            let each = pieces.iter().zip(TONES.into_iter().cycle());
            lines.extend(each.map(|(piece, tone)| named(piece, claim, tone, screen)));
            lines.push("  in one piece 连写:".to_owned());
            lines.extend(flow(&pieces, screen));
            if input.scheme == Scheme::Token {
                lines.push(
                    screen.tone(Tone::Quiet, "    ‹AppKey› right behind, nothing between 紧接其后"),
                );
            }
        }
    }
    lines.push(String::new());
    lines.push(heading(&format!("signature 签名 = {}", formula(explained))));
    lines.extend(signatures(explained, screen));
    lines.push(String::new());
    lines.extend(verdict(explained, screen));
    for note in explained.note.iter().chain(&explained.warnings) {
        lines.push(String::new());
        lines.extend(told(&screen.tone(Tone::Notable, "note 注意"), note, ""));
    }
    lines.join("\n")
}

/// A piece with its name and length.
fn named(piece: &Piece, claim: &Claim, tone: Tone, screen: &Screen) -> String {
    let hashed = match (claim, piece.name.as_str()) {
        (Claim::Request { body, .. }, "body hash") => {
            format!(
                "\n{}SHA-256 of the body 报文摘要, {} bytes 字节",
                " ".repeat(LABEL),
                body.len()
            )
        }
        _ => String::new(),
    };
    let length = right(&piece.text.len().to_string(), 3);
    let text = screen.tone(tone, &visible(&piece.text));
    format!("  {} {length} {text}{hashed}", left(&piece.name, 9))
}

/// The pieces one behind the other, as they are signed, each set off from the next by colour.
fn flow(pieces: &[Piece], screen: &Screen) -> Vec<String> {
    let tones = TONES.into_iter().cycle();
    let mut rows = vec![];
    let (mut row, mut used) = (String::new(), 0);
    for (piece, tone) in pieces.iter().zip(tones) {
        let mut span = String::new();
        for c in visible(&piece.text).chars() {
            let columns = width(c.encode_utf8(&mut [0; 4]));
            if used + columns > COLUMNS - 4 {
                row.push_str(&screen.tone(tone, &span));
                rows.push(format!("    {row}"));
                (row, used) = (String::new(), 0);
                span.clear();
            }
            span.push(c);
            used += columns;
        }
        row.push_str(&screen.tone(tone, &span));
    }
    rows.push(format!("    {row}"));
    rows
}

/// Pairs, each on lines of its own.
fn pairs(pieces: &[Piece], screen: &Screen) -> Vec<String> {
    let mut rows = vec![];
    for piece in pieces {
        let text = visible(&piece.text);
        let (name, value) = text.split_once('=').unwrap_or((&text, ""));
        let mut shown = broken(&format!("{name}={value}"), COLUMNS - 6).into_iter();
        let first = shown.next().unwrap_or_default();
        // Names are set off from values where both are on the first line.
        let first = match first.split_once('=') {
            Some((name, value)) => format!("{}={value}", screen.tone(Tone::Notable, name)),
            None => screen.tone(Tone::Notable, &first),
        };
        rows.push(format!("    {first}"));
        rows.extend(shown.map(|more| format!("      {more}")));
    }
    if rows.is_empty() {
        rows.push("    (nothing 空)".to_owned());
    }
    rows
}

/// Says which pairs are not signed.
fn left_out(claim: &Claim) -> Option<String> {
    let (Claim::Notice { pairs, .. } | Claim::Legacy { pairs, .. }) = claim else { return None };
    let unsigned = pairs.iter().filter(|(name, value)| name == notice::SIGN || value.is_empty());
    let names: Vec<&str> = unsigned.map(|(name, _)| name.as_str()).collect();
    (!names.is_empty())
        .then(|| format!("    not signed 不参与签名: {}", visible(&names.join(", "))))
}

/// Ours and theirs, with a mark where they part.
fn signatures(explained: &Explained<'_>, screen: &Screen) -> Vec<String> {
    let theirs = explained.claim.theirs();
    let labels = ["ours   应为", "theirs 实为"];
    match &explained.ours {
        None => {
            let missing = format!("(no key 未提供密钥: {})", explained.missing_key());
            vec![
                format!("  {} {missing}", left("ours   应为", LABEL - 3)),
                format!("  {} {}", left("theirs 实为", LABEL - 3), visible(theirs)),
            ]
        }
        Some(ours) => beside(labels, ours.as_bytes(), theirs.as_bytes(), explained.right, screen),
    }
}

/// Whether it is right, and what was done wrong.
fn verdict(explained: &Explained<'_>, screen: &Screen) -> Vec<String> {
    if explained.right {
        return vec![screen.tone(Tone::Good, "the signature is right 签名正确")];
    }
    let diagnosis = &explained.diagnosis;
    if diagnosis.mistakes.is_empty() {
        return unexplained(explained, screen);
    }
    let count = diagnosis.mistakes.len();
    let mut lines = vec![];
    for (place, mistake) in diagnosis.mistakes.iter().enumerate() {
        let label = match count {
            1 => "mistake 错误".to_owned(),
            _ => format!("mistake 错误 {} of {count}", place + 1),
        };
        let used = diagnosis.key.map(|key| explained.known.source(key)).filter(|source| {
            let of_key =
                matches!(mistake, Mistake::OtherKey | Mistake::NoticeKeyUsed | Mistake::AppKeyUsed);
            of_key && !source.is_empty()
        });
        let used = used.map(|source| format!(" ({source})")).unwrap_or_default();
        let note = Note::new(mistake.en(), mistake.zh());
        lines.extend(told(&screen.tone(Tone::Bad, &label), &note, &used));
    }
    let (what, ours, theirs) = match (&diagnosis.instead, explained.claim) {
        (Some(Instead::Body(theirs)), Claim::Request { body, .. }) => {
            ("body 报文", body.clone(), theirs)
        }
        (Some(Instead::Text(theirs)), claim) => {
            let text: String = claim.pieces().into_iter().map(|piece| piece.text).collect();
            ("text 待签名串", text.into_bytes(), theirs)
        }
        _ => return lines,
    };
    lines.push(String::new());
    lines.push(
        screen.tone(
            Tone::Strong,
            &format!("the {what} that should be signed, and that was 应签与实签"),
        ),
    );
    lines.extend(beside(["ours   应签", "theirs 实签"], &ours, theirs, false, screen));
    lines
}

/// Says what was tried, and what to do next.
fn unexplained(explained: &Explained<'_>, screen: &Screen) -> Vec<String> {
    let mut lines = vec![screen.tone(
        Tone::Bad,
        match explained.ours {
            Some(_) => {
                "the signature is wrong, and no known mistake explains it 签名错误，原因未知"
            }
            None => "without a key nobody can tell whether it is right 未提供密钥，无法判断",
        },
    )];
    if explained.ours.is_some() {
        let names: Vec<&str> =
            explained.claim.tried().iter().map(|mistake| mistake.name()).collect();
        lines.push("tried 已尝试:".to_owned());
        lines.extend(
            wrapped(&names.join(", "), COLUMNS - 2).into_iter().map(|row| format!("  {row}")),
        );
    }
    lines.push("next 下一步:".to_owned());
    for note in explained.next_steps() {
        let mut rows =
            wrapped(&note.en, COLUMNS - 4).into_iter().chain(wrapped(&note.zh, COLUMNS - 4));
        lines.push(format!("  * {}", rows.next().unwrap_or_default()));
        lines.extend(rows.map(|row| format!("    {row}")));
    }
    lines
}

/// A label, and a sentence in both languages below it.
fn told(label: &str, note: &Note, more: &str) -> Vec<String> {
    let mut lines = vec![format!("{label}{more}")];
    for text in [&note.en, &note.zh] {
        lines.extend(wrapped(text, COLUMNS - 2).into_iter().map(|row| format!("  {row}")));
    }
    lines
}

/// Two texts below each other, and a mark under the first byte that differs. Of long ones only what is around it.
fn beside(
    [first, second]: [&str; 2],
    ours: &[u8],
    theirs: &[u8],
    same: bool,
    screen: &Screen,
) -> Vec<String> {
    let at = differs_at(ours, theirs);
    // Texts are cut before a character, so that none is torn.
    let part = |bytes: &[u8]| {
        let (head, tail) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
        (visible(&String::from_utf8_lossy(head)), visible(&String::from_utf8_lossy(tail)))
    };
    let ((head, ours), (_, theirs)) = (part(ours), part(theirs));
    let room = COLUMNS - LABEL;
    let longest = width(&head) + width(&ours).max(width(&theirs));
    let head = match longest > room && width(&head) > room / 2 {
        true => format!("…{}", last_columns(&head, room / 2 - 1)),
        false => head,
    };
    let left_over = room - width(&head);
    let row = |label: &str, tail: &str, tone| {
        let cut = match width(tail) > left_over {
            true => format!("{}…", first_columns(tail, left_over - 1)),
            false => tail.to_owned(),
        };
        format!("  {} {head}{}", left(label, LABEL - 3), screen.tone(tone, &cut))
    };
    let theirs_tone = if same { Tone::Good } else { Tone::Bad };
    let mut rows = vec![row(first, &ours, Tone::Good), row(second, &theirs, theirs_tone)];
    if !same {
        let mark = format!("^ byte {} differs 第 {} 字节不同", at + 1, at + 1);
        let column = LABEL + width(&head);
        let mark = match column + width(&mark) > COLUMNS {
            true => right(&format!("byte {} differs 第 {} 字节不同 ^", at + 1, at + 1), column + 1),
            false => format!("{}{mark}", " ".repeat(column)),
        };
        rows.push(screen.tone(Tone::Notable, &mark));
    }
    rows
}

/// Where two texts part, in bytes, at the beginning of a character.
pub(super) fn differs_at(ours: &[u8], theirs: &[u8]) -> usize {
    let same = ours.iter().zip(theirs).take_while(|(one, other)| one == other).count();
    let inside = |bytes: &[u8], at: usize| bytes.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    (0..=same).rev().take(4).find(|at| !inside(ours, *at) && !inside(theirs, *at)).unwrap_or(same)
}

/// A text with what does not print shown by a sign of its own.
pub(super) fn visible(text: &str) -> String {
    let sign = |c: char| match c {
        '\n' => '␊',
        '\r' => '␍',
        '\t' => '␉',
        '\u{0}' => '␀',
        // Also what turns the direction of writing, or has no width: nothing in a paste may change how it looks.
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => '�',
        c if c.is_control() => '�',
        c => c,
    };
    text.chars().map(sign).collect()
}

fn first_columns(text: &str, columns: usize) -> String {
    let mut used = 0;
    let fits = |c: &char| {
        used += width(c.encode_utf8(&mut [0; 4]));
        used <= columns
    };
    text.chars().take_while(fits).collect()
}

fn last_columns(text: &str, columns: usize) -> String {
    let reversed: String = text.chars().rev().collect();
    first_columns(&reversed, columns).chars().rev().collect()
}

/// A text cut into rows, wherever that falls.
fn broken(text: &str, columns: usize) -> Vec<String> {
    let mut rows = vec![];
    let mut rest = text;
    while !rest.is_empty() {
        let row = first_columns(rest, columns);
        // A character wider than a row would never go.
        let taken = row.len().max(rest.chars().next().map_or(1, char::len_utf8));
        rows.push(rest.get(..taken).unwrap_or(rest).to_owned());
        rest = rest.get(taken..).unwrap_or_default();
    }
    rows
}

/// A text in rows: broken at spaces, and beside Chinese characters.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut rows = vec![];
    let mut row = String::new();
    for word in words(text) {
        if !row.is_empty() && width(&row) + width(word.trim_end()) > columns {
            rows.push(std::mem::take(&mut row).trim_end().to_owned());
        }
        row.push_str(word);
    }
    rows.push(row.trim_end().to_owned());
    rows
}

/// What is not broken: words with the space behind them, and single wide characters with the mark behind them.
fn words(text: &str) -> Vec<&str> {
    let mut words = vec![];
    let (mut start, mut previous) = (0, ' ');
    for (at, c) in text.char_indices() {
        let wide = |c: char| width(c.encode_utf8(&mut [0; 4])) > 1;
        let closes = "，。：；、）！？".contains(c);
        let begins =
            (previous == ' ' && c != ' ') || ((wide(previous) || wide(c)) && !closes && c != ' ');
        let opened = previous == '（';
        if begins && !opened && at > start {
            words.push(text.get(start..at).unwrap_or_default());
            start = at;
        }
        previous = c;
    }
    words.push(text.get(start..).unwrap_or_default());
    words
}

/// The whole explanation for programs.
pub(super) fn value(explained: &Explained<'_>) -> Value {
    let Explained { input, claim, diagnosis, .. } = explained;
    let pieces = claim.pieces();
    let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
    let (ours, theirs) = (explained.ours.as_deref(), claim.theirs());
    let note = |note: &Note| json!({"en": note.en, "zh": note.zh});
    let wrong = !explained.right;
    let instead = diagnosis.instead.as_ref().map(|instead| {
        let (what, ours, theirs) = match (instead, claim) {
            (Instead::Body(theirs), Claim::Request { body, .. }) => ("body", body.as_slice(), theirs),
            (Instead::Body(theirs) | Instead::Text(theirs), _) => ("text", text.as_bytes(), theirs),
        };
        json!({"what": what, "text": String::from_utf8_lossy(theirs), "differsAt": differs_at(ours, theirs)})
    });
    json!({
        "scheme": input.scheme.name(),
        "from": input.form.name(),
        "right": ours.map(|_| explained.right),
        "text": text,
        "pieces": pieces.iter().map(|piece| json!({"name": piece.name, "text": piece.text})).collect::<Vec<_>>(),
        "formula": formula(explained),
        "ours": ours,
        "theirs": theirs,
        "differsAt": ours.filter(|_| wrong).map(|ours| differs_at(ours.as_bytes(), theirs.as_bytes())),
        "mistakes": diagnosis.mistakes.iter().map(|mistake| {
            json!({"name": mistake.name(), "en": mistake.en(), "zh": mistake.zh()})
        }).collect::<Vec<_>>(),
        "tried": (wrong && ours.is_some() && diagnosis.mistakes.is_empty())
            .then(|| claim.tried().iter().map(|mistake| mistake.name()).collect::<Vec<_>>()),
        "key": diagnosis.key.map(|key| explained.known.source(key)),
        "instead": instead,
        "notes": explained.note.iter().chain(&explained.warnings).map(note).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_part_at_the_beginning_of_a_character() {
        assert_eq!(differs_at(b"abc", b"abd"), 2);
        assert_eq!(differs_at(b"abc", b"abc"), 3);
        assert_eq!(differs_at(b"abc", b"ab"), 2);
        // 押 and 拼 share their first byte.
        assert_eq!(differs_at("a押".as_bytes(), "a拼".as_bytes()), 1);
        assert_eq!(differs_at(&[0x80; 9], &[0x80; 9]), 9);
    }

    #[test]
    fn rows_are_never_wider_than_they_may_be() {
        let text = "the body was re-serialised: 报文被重新序列化（空格、换行）：应对 bytes 签名，sign the bytes";
        for columns in 12..40 {
            let rows = wrapped(text, columns);
            assert!(rows.iter().all(|row| width(row) <= columns + 2), "{columns}: {rows:#?}");
            assert_eq!(rows.concat().replace(' ', ""), text.replace(' ', ""));
            assert!(rows.iter().all(|row| !row.starts_with(['，', '：', '、', '）'])), "{rows:#?}");
        }
        assert_eq!(broken("押金ab", 3), ["押", "金a", "b"]);
    }

    #[test]
    fn nothing_in_a_paste_changes_how_the_screen_looks() {
        assert_eq!(visible("a\u{1b}[31m\n\u{202e}押"), "a�[31m␊�押");
    }
}
