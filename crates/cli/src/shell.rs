//! Commands to paste: quoted so that any shell of the POSIX family reads them back as they are.

use holdfast_client::Sent;

/// A word as a shell reads it.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A command line of these words.
pub(crate) fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// The `curl` command that sends a request.
pub(crate) fn curl(sent: &Sent) -> String {
    let mut command = format!("curl -sS {}", quote(&sent.url));
    for (name, value) in &sent.headers {
        command.push_str(&format!(" \\\n  -H {}", quote(&format!("{name}: {value}"))));
    }
    if sent.method == "POST" {
        command.push_str(&format!(
            " \\\n  --data-raw {}",
            quote(&String::from_utf8_lossy(&sent.body))
        ));
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_interpret_is_quoted() {
        assert_eq!(line(["holdfast", "--mid", "89820"]), "holdfast --mid 89820");
        assert_eq!(quote("押金 1号房"), "'押金 1号房'");
        assert_eq!(quote("it's $5"), r"'it'\''s $5'");
        assert_eq!(quote(""), "''");
    }
}
