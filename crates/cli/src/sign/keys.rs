//! The keys with which signatures are tried. They come from files and the environment, never from a flag.

use std::path::PathBuf;

use clap::Args;
use holdfast_wire::{
    diagnosis::{KeyUsed, Keys},
    secret::{AppKey, NoticeKey},
};

use super::input::read_source;
use crate::{
    connection::{KEY_BYTES, read_key, read_text},
    exit::{Exit, Failure},
};

/// Where the keys are.
#[derive(Clone, Debug, Args)]
pub(super) struct KeyArgs {
    /// File with the app's key (AppKey), for requests; - for stdin. Given several times, the first is the one that
    /// should have signed, the others are tried too. HOLDFAST_APP_KEY may hold a key itself
    /// 存放 AppKey 的文件，可多次给出；也可用环境变量 HOLDFAST_APP_KEY
    #[arg(long, env = "HOLDFAST_APP_KEY_FILE", value_name = "FILE", help_heading = HEADING, verbatim_doc_comment)]
    app_key_file: Vec<PathBuf>,
    /// The same for the merchant's communication key, for notices; HOLDFAST_NOTICE_KEY may hold a key itself
    /// 存放通讯密钥的文件，可多次给出；也可用环境变量 HOLDFAST_NOTICE_KEY
    #[arg(long, env = "HOLDFAST_NOTICE_KEY_FILE", value_name = "FILE", help_heading = HEADING, verbatim_doc_comment)]
    notice_key_file: Vec<PathBuf>,
}

const HEADING: &str = "Keys 密钥";

/// Keys, and where each comes from.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) keys: Keys,
    app: Vec<String>,
    notice: Vec<String>,
}

impl KeyArgs {
    /// Reads them. `input` says whether stdin is taken already.
    pub(super) fn read(&self, stdin_is_taken: bool) -> Result<Known, Failure> {
        let from_stdin = |path: &&PathBuf| path.as_os_str() == "-";
        let all = self.app_key_file.iter().chain(&self.notice_key_file);
        let wanted = all.filter(from_stdin).count();
        if wanted > usize::from(!stdin_is_taken) {
            let sentence = "stdin is wanted for two things (标准输入被重复使用)";
            return Err(Failure::new(Exit::Usage, sentence)
                .hint("name a file for the input, and - for one key: holdfast sign explain request.txt --app-key-file -"));
        }
        let mut known = Known::default();
        for (source, text) in sources(&self.app_key_file, "HOLDFAST_APP_KEY")? {
            let key: AppKey = read_key(&text).map_err(|failure| from(&source, failure))?;
            if !known.keys.app.contains(&key) {
                known.keys.app.push(key);
                known.app.push(source);
            }
        }
        for (source, text) in sources(&self.notice_key_file, "HOLDFAST_NOTICE_KEY")? {
            let key = read_key(&text).map_err(|failure| from(&source, failure))?;
            let key = NoticeKey::parse(key.expose()).map_err(|_| unusable(&source))?;
            if !known.keys.notice.contains(&key) {
                known.keys.notice.push(key);
                known.notice.push(source);
            }
        }
        Ok(known)
    }
}

impl Known {
    /// Where a key comes from.
    pub(super) fn source(&self, key: KeyUsed) -> &str {
        let source = match key {
            KeyUsed::App(place) => self.app.get(place),
            KeyUsed::Notice(place) => self.notice.get(place),
        };
        source.map_or("", String::as_str)
    }
}

fn sources(files: &[PathBuf], variable: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut sources = vec![];
    for path in files {
        let source = match path.as_os_str() == "-" {
            true => "stdin".to_owned(),
            false => path.display().to_string(),
        };
        let text = match path.as_os_str() == "-" {
            true => read_source(path)
                .map_err(Failure::from)
                .and_then(|bytes| String::from_utf8(bytes).map_err(|_| unusable(&source)))?,
            false => read_text(path, KEY_BYTES)
                .map_err(|error| Failure::new(Exit::Auth, format!("key file {source}: {error}")))?,
        };
        sources.push((source, text));
    }
    if let Ok(text) = std::env::var(variable)
        && !text.is_empty()
    {
        sources.push((variable.to_owned(), text));
    }
    Ok(sources)
}

fn from(source: &str, failure: Failure) -> Failure {
    Failure { sentence: format!("{source}: {}", failure.sentence), ..failure }
}

fn unusable(source: &str) -> Failure {
    Failure::new(Exit::Auth, format!("{source}: the key cannot be used"))
}
