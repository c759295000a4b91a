//! A `curl` command as somebody pasted it: its words as bash reads them, and what curl would send.

use std::path::Path;

use super::input::{Fault, Http, read_file};

/// A word of a command, and the line on which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    text: String,
    line: usize,
}

/// Whether a text is a `curl` command, perhaps behind a prompt.
pub(super) fn is_command(text: &str) -> bool {
    let first = command(text).split_whitespace().next().unwrap_or_default();
    let program = first.rsplit(['/', '\\']).next().unwrap_or_default();
    matches!(program, "curl" | "curl.exe")
}

/// The text behind a prompt.
fn command(text: &str) -> &str {
    let text = text.trim_start();
    let behind = ["$ ", "# ", "% ", "> "].iter().find_map(|prompt| text.strip_prefix(prompt));
    behind.unwrap_or(text).trim_start()
}

/// Reads the command.
pub(super) fn read(text: &str) -> Result<Http, Fault> {
    let behind = command(text);
    // Lines are counted in the text as pasted.
    let skipped = text.strip_suffix(behind).unwrap_or_default();
    let words = words(behind, skipped.matches('\n').count())?;
    let mut asked = Asked::default();
    let mut words = words.into_iter().skip(1);
    while let Some(word) = words.next() {
        asked.take(word, &mut words)?;
    }
    asked.finish()
}

/// What the options say.
#[derive(Default)]
struct Asked {
    address: Option<String>,
    headers: Vec<(String, String)>,
    data: Option<Vec<u8>>,
    in_query: bool,
}

/// Options that take a value and change nothing that is signed.
const WITH_VALUE: &[&str] = &[
    "-X",
    "--request",
    "-A",
    "--user-agent",
    "-e",
    "--referer",
    "-b",
    "--cookie",
    "-c",
    "--cookie-jar",
    "-o",
    "--output",
    "-u",
    "--user",
    "-m",
    "--max-time",
    "--connect-timeout",
    "-w",
    "--write-out",
    "-x",
    "--proxy",
    "--cacert",
    "-E",
    "--cert",
    "--key",
    "--resolve",
    "--connect-to",
    "--retry",
    "--interface",
    "--noproxy",
    "--ciphers",
    "--limit-rate",
    "-D",
    "--dump-header",
    "--max-redirs",
    "--trace-ascii",
    "--trace",
];

/// Options without a value that change nothing that is signed.
const ALONE: &[&str] = &[
    "-s",
    "--silent",
    "-S",
    "--show-error",
    "-k",
    "--insecure",
    "-v",
    "--verbose",
    "-i",
    "--include",
    "-L",
    "--location",
    "-f",
    "--fail",
    "--fail-with-body",
    "-g",
    "--globoff",
    "-N",
    "--no-buffer",
    "-#",
    "-4",
    "-6",
    "--ipv4",
    "--ipv6",
    "--compressed",
    "--http1.0",
    "--http1.1",
    "--http2",
    "--no-progress-meter",
    "-O",
    "--remote-name",
    "-j",
    "-0",
    "-1",
    "-2",
    "-q",
    "--tlsv1.2",
    "--tlsv1.3",
    "--no-keepalive",
    "--path-as-is",
];

impl Asked {
    /// Takes a word, and the value behind it if it is an option that has one.
    fn take(&mut self, word: Word, rest: &mut impl Iterator<Item = Word>) -> Result<(), Fault> {
        let Word { text, line } = word;
        if text == "-" || !text.starts_with('-') {
            return match self.address.replace(text) {
                None => Ok(()),
                Some(_) => {
                    Err(Fault::at(line, "there is a second address; quote what belongs together"))
                }
            };
        }
        if text.starts_with("--") {
            let (name, given) = match text.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (text, None),
            };
            return self.option(&name, given, line, rest).map(|_| ());
        }
        // Short options may stand together, the last of them with its value.
        let mut letters = text.get(1..).unwrap_or_default().chars();
        while let Some(letter) = letters.next() {
            let behind = letters.as_str();
            let given = (!behind.is_empty()).then(|| behind.to_owned());
            if self.option(&format!("-{letter}"), given, line, rest)? {
                break;
            }
        }
        Ok(())
    }

    /// Does what an option says; answers whether it took a value.
    fn option(
        &mut self,
        name: &str,
        given: Option<String>,
        line: usize,
        rest: &mut impl Iterator<Item = Word>,
    ) -> Result<bool, Fault> {
        if ALONE.contains(&name) {
            return Ok(false);
        }
        if matches!(name, "-G" | "--get") {
            self.in_query = true;
            return Ok(false);
        }
        if matches!(name, "-I" | "--head") {
            return Ok(false);
        }
        if matches!(name, "-F" | "--form" | "--form-string" | "-T" | "--upload-file") {
            let text = format!(
                "`{name}` sends a form in parts or a file; no signature covers such a body"
            );
            return Err(Fault::at(line, text));
        }
        let is_data = matches!(
            name,
            "-d" | "--data"
                | "--data-ascii"
                | "--data-raw"
                | "--data-binary"
                | "--data-urlencode"
                | "--json"
        );
        let known =
            is_data || matches!(name, "-H" | "--header" | "--url") || WITH_VALUE.contains(&name);
        if !known {
            return Err(Fault::at(
                line,
                format!("the option `{name}` is not understood; leave it out"),
            ));
        }
        let missing = || Fault::at(line, format!("there is no value behind `{name}`"));
        let value = given.or_else(|| rest.next().map(|word| word.text)).ok_or_else(missing)?;
        match name {
            "-H" | "--header" => {
                let (header, value) = value.split_once([':', ';']).ok_or_else(|| {
                    Fault::at(line, format!("`{value}` is not a header such as `Name: value`"))
                })?;
                self.headers.push((header.trim().to_owned(), value.trim().to_owned()));
            }
            "--url" => self.address = Some(value),
            _ if is_data => {
                let more = data(name, &value, line)?;
                match &mut self.data {
                    Some(data) => {
                        if name != "--json" {
                            data.push(b'&');
                        }
                        data.extend(more);
                    }
                    None => self.data = Some(more),
                }
            }
            _ => {}
        }
        Ok(true)
    }

    fn finish(self) -> Result<Http, Fault> {
        let mut target = self.address.unwrap_or_default();
        let mut body = self.data.unwrap_or_default();
        if self.in_query {
            let joint = if target.contains('?') { '&' } else { '?' };
            target = format!("{target}{joint}{}", String::from_utf8_lossy(&body));
            body.clear();
        }
        Ok(Http { target: Some(target), headers: self.headers, bodies: vec![(body, None)] })
    }
}

/// The bytes that a data option adds to the body.
fn data(option: &str, value: &str, line: usize) -> Result<Vec<u8>, Fault> {
    let file = |name: &str| match name {
        "-" => {
            Err(Fault::at(line, "curl would read the body from its stdin; paste the body itself"))
        }
        name => read_file(Path::new(name)).map_err(|fault| Fault { line: Some(line), ..fault }),
    };
    match (option, value.strip_prefix('@')) {
        ("--data-raw", _) => Ok(value.as_bytes().to_vec()),
        ("--data-urlencode", _) => match value.split_once('=') {
            Some((name, value)) if !name.contains('@') => {
                let joint = if name.is_empty() { "" } else { "=" };
                Ok(format!("{name}{joint}{}", escaped(value)).into_bytes())
            }
            None if !value.contains('@') => Ok(escaped(value).into_bytes()),
            _ => Err(Fault::at(
                line,
                "`--data-urlencode` with a file is not understood; paste the body itself",
            )),
        },
        ("--data-binary" | "--json", Some(name)) => file(name),
        // As curl does: line ends of a file are not sent.
        (_, Some(name)) => {
            let bytes = file(name)?;
            Ok(bytes.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)).collect())
        }
        (_, None) => Ok(value.as_bytes().to_vec()),
    }
}

fn escaped(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escape =
        |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(escape).collect()
}

/// The words of one command, as bash reads them. `line` is how many lines stand before it.
fn words(text: &str, line: usize) -> Result<Vec<Word>, Fault> {
    let mut reader = Reader { rest: text, line: line.saturating_add(1) };
    let mut words = vec![];
    let mut word: Option<Word> = None;
    while let Some(c) = reader.next() {
        let at = reader.line;
        match c {
            '\\' if reader.skip("\r\n") || reader.skip("\n") => {}
            '^' if reader.rest.starts_with(['\r', '\n', '"']) => {
                return Err(Fault::at(
                    at,
                    "this is quoted for Windows cmd; copy it `as cURL (bash)`",
                ));
            }
            '`' if reader.rest.starts_with(['\r', '\n']) => {
                return Err(Fault::at(
                    at,
                    "this is written for PowerShell; copy it `as cURL (bash)`",
                ));
            }
            '\n' | '|' | ';' | '&' | '<' | '>' => {
                words.extend(word.take());
                // The command is over.
                if !words.is_empty() {
                    return Ok(words);
                }
            }
            c if c.is_whitespace() => words.extend(word.take()),
            '#' if word.is_none() => while reader.next_if(|c| c != '\n').is_some() {},
            c => {
                let word = word.get_or_insert_with(|| Word { text: String::new(), line: at });
                reader.piece(c, &mut word.text)?;
            }
        }
    }
    words.extend(word);
    Ok(words)
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        self.next_if(|_| true)
    }

    fn next_if(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next().filter(|c| wanted(*c))?;
        self.rest = chars.as_str();
        if c == '\n' {
            self.line = self.line.saturating_add(1);
        }
        Some(c)
    }

    fn skip(&mut self, text: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(text) else { return false };
        self.rest = rest;
        self.line = self.line.saturating_add(text.matches('\n').count());
        true
    }

    /// A quoted piece of a word, or one character.
    fn piece(&mut self, first: char, out: &mut String) -> Result<(), Fault> {
        let line = self.line;
        match first {
            '\'' => {
                while let Some(c) = self.next() {
                    match c {
                        '\'' => return Ok(()),
                        c => out.push(c),
                    }
                }
                Err(Fault::at(line, "a quote ' that begins here has no end"))
            }
            '"' => {
                while let Some(c) = self.next() {
                    match c {
                        '"' => return Ok(()),
                        '\\' => match self.next_if(|c| "\"\\$`\n".contains(c)) {
                            Some('\n') => {}
                            Some(c) => out.push(c),
                            None => out.push('\\'),
                        },
                        '$' | '`' => self.expansion(c, out)?,
                        c => out.push(c),
                    }
                }
                Err(Fault::at(line, "a quote \" that begins here has no end"))
            }
            '$' if self.skip("'") => {
                while let Some(c) = self.next() {
                    match c {
                        '\'' => return Ok(()),
                        '\\' => self.escape(out)?,
                        c => out.push(c),
                    }
                }
                Err(Fault::at(line, "a quote $' that begins here has no end"))
            }
            '$' if self.skip("\"") => self.piece('"', out),
            '\\' => {
                out.push(self.next().unwrap_or('\\'));
                Ok(())
            }
            '$' | '`' => self.expansion(first, out),
            c => {
                out.push(c);
                Ok(())
            }
        }
    }

    /// Something that the shell would replace: what it stands for is not in the paste.
    fn expansion(&self, first: char, out: &mut String) -> Result<(), Fault> {
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let replaced = first == '`' || self.rest.starts_with(|c| name(c) || c == '{' || c == '(');
        if !replaced {
            out.push(first);
            return Ok(());
        }
        let shown: String = match first {
            '`' => "`…`".to_owned(),
            _ if self.rest.starts_with('(') => "$(…)".to_owned(),
            _ if self.rest.starts_with('{') => "${…}".to_owned(),
            _ => format!("${}", self.rest.chars().take_while(|c| name(*c)).collect::<String>()),
        };
        let text = format!(
            "{shown} is for the shell to replace; paste the command with its value (`set -x` prints it)"
        );
        Err(Fault::at(self.line, text))
    }

    /// An escape of `$'…'`.
    fn escape(&mut self, out: &mut String) -> Result<(), Fault> {
        let line = self.line;
        let broken = || Fault::at(line, "an escape inside $'…' is not understood");
        let c = self.next().ok_or_else(broken)?;
        match c {
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            '\\' | '\'' | '"' | '?' => out.push(c),
            'a' => out.push('\u{7}'),
            'b' => out.push('\u{8}'),
            'e' | 'E' => out.push('\u{1b}'),
            'f' => out.push('\u{c}'),
            'v' => out.push('\u{b}'),
            // Beyond ASCII these are bytes, or halves of pairs, that need not make characters.
            'u' => match self.number(16, 4).ok_or_else(broken)? {
                high @ 0xd800..=0xdbff if self.skip("\\u") => {
                    let low = self.number(16, 4).and_then(|low| low.checked_sub(0xdc00));
                    let low = low.filter(|low| *low < 0x400).ok_or_else(broken)?;
                    let code = high.saturating_sub(0xd800).saturating_mul(0x400);
                    let code = code.saturating_add(low).saturating_add(0x10000);
                    out.push(char::from_u32(code).ok_or_else(broken)?);
                }
                code => out.push(char::from_u32(code).ok_or_else(broken)?),
            },
            'U' => {
                let code = self.number(16, 8).and_then(char::from_u32);
                out.push(code.ok_or_else(broken)?);
            }
            'x' => {
                let code = self.number(16, 2).filter(|code| *code < 0x80).and_then(char::from_u32);
                out.push(code.ok_or_else(broken)?);
            }
            _ => return Err(broken()),
        }
        Ok(())
    }

    fn number(&mut self, base: u32, most: usize) -> Option<u32> {
        let mut value: Option<u32> = None;
        for _ in 0..most {
            let Some(c) = self.next_if(|c| c.is_digit(base)) else { break };
            let digit = c.to_digit(base)?;
            value = Some(value.unwrap_or(0).checked_mul(base)?.checked_add(digit)?);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &str, expected: &[&str]) {
        let words = words(command, 0).unwrap_or_else(|fault| panic!("{command}: {fault:?}"));
        let words: Vec<_> = words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(words, expected, "{command}");
    }

    fn refuses(command: &str, line: usize, part: &str) {
        let fault = read(command).expect_err(command);
        assert_eq!(fault.line, Some(line), "{command}: {fault:?}");
        assert!(fault.text.contains(part), "{command}: {fault:?}");
    }

    fn sends(command: &str, body: &str) {
        let http = read(command).unwrap_or_else(|fault| panic!("{command}: {fault:?}"));
        assert_eq!(String::from_utf8_lossy(&http.bodies[0].0), body, "{command}");
    }

    #[test]
    fn words_are_read_as_bash_reads_them() {
        check("curl a  b", &["curl", "a", "b"]);
        check("curl \\\n  a \\\r\n b\nls", &["curl", "a", "b"]);
        check(r#"curl 'it'\''s' "a \"b\" \n" c\ d"#, &["curl", "it's", r#"a "b" \n"#, "c d"]);
        check(r"curl $'a\n\t\'\\\u62bc\u91d1\ud83d\ude00\x41'", &["curl", "a\n\t'\\押金😀A"]);
        check("curl ''  \"\" # comment", &["curl", "", ""]);
        check("curl a | jq .", &["curl", "a"]);
        check("curl a > out", &["curl", "a"]);
        check("curl '$5' \"$ 5\" a$", &["curl", "$5", "$ 5", "a$"]);
    }

    #[test]
    fn what_is_sent_follows_from_the_options() {
        sends("curl http://h/p -d '{\"a\":1}'", "{\"a\":1}");
        sends("curl -sS -XPOST --url http://h/p --data-raw=@x", "@x");
        sends("$ curl -sSd a=1 -d b=2 http://h", "a=1&b=2");
        sends("curl http://h --json '{' --json '}'", "{}");
        sends("curl http://h --data-urlencode 'a=押 1'", "a=%E6%8A%BC%201");
        sends("curl http://h -d ''", "");
        let http = read("curl 'http://h/p?x=1' -G -d a=b -H 'Authorization:  OPEN x' -H \"A: b\"")
            .unwrap();
        assert_eq!(http.target.as_deref(), Some("http://h/p?x=1&a=b"));
        assert_eq!(http.headers[0], ("Authorization".to_owned(), "OPEN x".to_owned()));
        assert!(http.bodies[0].0.is_empty());
    }

    #[test]
    fn what_is_not_understood_is_said_with_its_line() {
        refuses("curl \\\n -d \"$body\"", 2, "$body");
        refuses("curl -H \"X: $(date)\"", 1, "$(…)");
        refuses("\n\ncurl -d 'abc", 3, "has no end");
        refuses("curl ^\n -d a", 1, "cURL (bash)");
        refuses("curl a b", 1, "second address");
        refuses("curl --frobnicate", 1, "`--frobnicate` is not understood");
        refuses("curl a\\\n -H", 2, "no value");
        refuses("curl -H nothing", 1, "not a header");
        refuses("curl -F a=b", 1, "in parts");
        refuses("curl -d @-", 1, "stdin");
        refuses("curl -d @does/not/exist", 1, "does/not/exist");
    }
}
