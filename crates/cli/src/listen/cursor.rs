//! Where a listener goes on after its end: a file of its own, written whole or not at all, and used by one at a time.

use std::{
    fs::{self, File, TryLockError},
    io::Write as _,
    path::{Path, PathBuf},
};

use holdfast_domain::{Mid, Moment};
use holdfast_wire::{field::Cursor, time};
use serde_json::{Value, json};

use crate::exit::{Exit, Failure};

/// A cursor that outlasts its process.
pub(crate) struct Kept {
    file: PathBuf,
    mid: Mid,
    gateway: String,
    /// Where to go on, and when that was written down; nothing at the very first start.
    pub(crate) last: Option<(Cursor, Moment)>,
    /// Held as long as the listener lives: the system gives it back however that ends.
    _lock: File,
}

impl Kept {
    /// Opens the file, or the one that is kept of what was done with this gateway's and merchant's events.
    pub(crate) fn open(
        file: Option<PathBuf>,
        gateway: &str,
        mid: &Mid,
        done: &str,
    ) -> Result<Self, Failure> {
        let file = match file {
            Some(file) => file,
            None => usual(gateway, mid, done)?,
        };
        let failed =
            |error| Failure::new(Exit::Config, format!("cursor file {}: {error}", file.display()));
        if let Some(dir) = file.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            fs::create_dir_all(dir).map_err(failed)?;
        }
        // Beside the file, because that one is another one after each write.
        let lock = File::create(beside(&file, "lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let what = format!("another listener uses {} (该游标文件正被使用)", file.display());
                return Err(Failure::new(Exit::Conflict, what)
                    .hint("end it, or give this one a cursor of its own: --cursor FILE"));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let last = match fs::read_to_string(&file) {
            Ok(text) => Some(read(&text, mid).map_err(|why| {
                Failure::new(Exit::Config, format!("cursor file {}: {why}", file.display()))
                    .hint("use another file with --cursor FILE, or remove this one to begin at now")
            })?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        Ok(Self { file, mid: mid.clone(), gateway: gateway.to_owned(), last, _lock: lock })
    }

    /// Writes down where to go on. When this returns, that outlasts a power cut.
    pub(crate) fn save(&mut self, cursor: &Cursor, now: Moment) -> Result<(), Failure> {
        let text = json!({
            "mid": self.mid.as_str(), "gateway": self.gateway, "cursor": cursor.as_str(), "savedAt": time::show(now),
        });
        let draft = beside(&self.file, "new");
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&draft)?;
            file.write_all(format!("{text}\n").as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, &self.file)?;
            // The new name must survive a power cut too, not only the content.
            #[cfg(unix)]
            File::open(folder(&self.file))?.sync_all()?;
            Ok(())
        };
        write().map_err(|error| {
            let what = format!("cursor file {} cannot be written: {error}", self.file.display());
            Failure::new(Exit::Config, what).hint(
                "what was forwarded last may be forwarded again; --cursor FILE names another one",
            )
        })?;
        self.last = Some((cursor.clone(), now));
        Ok(())
    }

    /// Where it is.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }
}

fn read(text: &str, mid: &Mid) -> Result<(Cursor, Moment), String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let word = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    if word("mid") != mid.as_str() {
        return Err(format!("it belongs to merchant {:?}, not to {mid}", word("mid")));
    }
    let cursor = Cursor::parse(word("cursor")).map_err(|_| "it has no cursor".to_owned())?;
    let saved_at = time::parse(word("savedAt")).ok_or("it does not say when it was written")?;
    Ok((cursor, saved_at))
}

/// The file of a gateway and a merchant, where programs keep such things.
fn usual(gateway: &str, mid: &Mid, done: &str) -> Result<PathBuf, Failure> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let state = set("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(set("HOME")?).join(".local/state")))
        .or_else(|| set("LOCALAPPDATA").map(PathBuf::from))
        .ok_or_else(|| {
            Failure::new(
                Exit::Config,
                "no place for the cursor: neither XDG_STATE_HOME nor HOME is set",
            )
            .hint("--cursor FILE")
        })?;
    let plain = |c: char| if c.is_ascii_alphanumeric() || ".-".contains(c) { c } else { '_' };
    let gateway: String = gateway.chars().map(plain).collect();
    Ok(state.join("holdfast/listen").join(format!("{mid}@{gateway}.{done}.json")))
}

/// The directory of a file.
#[cfg(unix)]
fn folder(file: &Path) -> &Path {
    file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_outlasts_its_process_and_is_one_merchants_and_one_listeners() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = Some(dir.path().join("deep/cursor.json"));
        let mid = |text: &str| Mid::parse(text).unwrap();
        let (gateway, now) = ("http://127.0.0.1:8080", time::parse("2026-11-23 10:00:00").unwrap());
        let open = |of: &str| Kept::open(file.clone(), gateway, &mid(of), "shown");
        let mut kept = open("M1").ok().unwrap();
        assert!(kept.last.is_none());
        let cursor = Cursor::parse("12-00ff00ff").unwrap();
        kept.save(&cursor, now).ok().unwrap();
        let refused = open("M1").err().unwrap();
        assert!(refused.sentence.contains("another listener"), "{}", refused.sentence);
        drop(kept);
        assert_eq!(open("M1").ok().unwrap().last, Some((cursor, now)));
        let refused = open("M2").err().unwrap();
        assert!(refused.sentence.contains(r#"merchant "M1""#), "{}", refused.sentence);
        fs::write(file.as_ref().unwrap(), "{\"mid\":\"M1\"").unwrap();
        assert_eq!(open("M1").err().unwrap().exit, Exit::Config);
    }
}
