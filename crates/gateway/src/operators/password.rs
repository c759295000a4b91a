//! Passwords: what may be one, and how it is kept.

use std::{fmt, sync::Arc};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use tokio::sync::Semaphore;

use crate::{clock::Dice, limits, store::StoreFault};

/// A password that somebody may have from now on. Does not print.
#[derive(Clone)]
pub struct Password(String);

/// Why a text cannot be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// It is too short.
    #[error("a password has 10 characters or more")]
    Short,
    /// It is too long.
    #[error("a password has 128 characters or fewer")]
    Long,
    /// Anybody would try it.
    #[error("that password would be tried first: use another one")]
    Plain,
}

impl PasswordFault {
    /// For people, in English and Chinese.
    #[must_use]
    pub fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::Short => ("A password has 10 characters or more.", "密码不得少于 10 个字符。"),
            Self::Long => ("A password has 128 characters or fewer.", "密码不得超过 128 个字符。"),
            Self::Plain => (
                "That password would be tried first: use several words that do not belong together.",
                "该密码过于常见，请使用几个互不相关的词语。",
            ),
        }
    }
}

/// What everybody tries first, of what is long enough. Compared in small letters, without anything but letters and digits.
const PLAIN: &[&str] = &[
    "password",
    "passw0rd",
    "qwerty",
    "qwertyuiop",
    "1234567890",
    "0123456789",
    "123456789",
    "12345678",
    "letmein",
    "administrator",
    "admin",
    "changeme",
    "holdfast",
    "iloveyou",
    "welcome",
    "abc123",
    "1q2w3e4r",
    "woaini",
    "woaini1314",
    "5201314",
    "88888888",
];

impl Password {
    /// The fewest characters of a password.
    pub const MIN: usize = 10;
    /// The most.
    pub const MAX: usize = 128;

    /// Takes a text as the password of `name`.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn parse(text: &str, name: &str) -> Result<Self, PasswordFault> {
        let count = text.chars().count();
        if count < Self::MIN {
            return Err(PasswordFault::Short);
        }
        if count > Self::MAX {
            return Err(PasswordFault::Long);
        }
        let mut different: Vec<char> = text.chars().collect();
        different.sort_unstable();
        different.dedup();
        let bare = |text: &str| -> String {
            text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
        };
        let (letters, own) = (bare(text), bare(name));
        // A common one stays common when digits follow or precede it, or when it stands there twice.
        let core = letters.trim_matches(|c: char| c.is_ascii_digit());
        let plain = |text: &str| {
            let mut known = PLAIN.iter().copied().chain([own.as_str()]);
            !text.is_empty() && known.any(|known| text.replace(known, "").is_empty())
        };
        if different.len() < 4 || plain(&letters) || plain(core) {
            return Err(PasswordFault::Plain);
        }
        Ok(Self(text.to_owned()))
    }

    /// One that nobody chose: some 100 bits of chance, in four groups that can be read out.
    #[must_use]
    pub fn made(dice: &Dice) -> Self {
        let spelled = data_encoding::BASE32_NOPAD.encode(&dice.bytes::<15>()).to_lowercase();
        let groups: Vec<&str> = [0..6, 6..12, 12..18, 18..24]
            .into_iter()
            .filter_map(|group| spelled.get(group))
            .collect();
        Self(groups.join("-"))
    }

    /// The password itself: to be shown once to whoever will use it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// Of no password at all: whoever gives a name that is nobody's waits as long as anybody else.
pub(super) const OF_NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$aG9sZGZhc3QtLS0tLS0tLQ$mWx8oiE4V0Ck3yPzS6r5cYJd1bQ9fZtNhR2uAe7vGkI";

/// Hashes passwords, a few at a time: each takes 19 MiB and some time of a processor.
#[derive(Debug)]
pub(super) struct Hasher {
    working: Arc<Semaphore>,
    /// Those that work and those that wait.
    admitted: Arc<Semaphore>,
}

/// No password was hashed.
#[derive(Debug)]
pub(super) enum Unhashed {
    /// Too many wait already.
    Busy,
    /// It cannot be done.
    Fault(StoreFault),
}

impl Default for Hasher {
    fn default() -> Self {
        Self {
            working: Arc::new(Semaphore::new(limits::HASHES)),
            admitted: Arc::new(Semaphore::new(limits::HASHES_WAITING)),
        }
    }
}

impl Hasher {
    /// The hash of a new password, with its salt.
    pub(super) async fn hash(&self, password: &Password, dice: &Dice) -> Result<String, Unhashed> {
        let (password, salt) = (password.clone(), dice.bytes::<16>());
        let hash = move || {
            let hash = Argon2::default().hash_password_with_salt(password.0.as_bytes(), &salt);
            hash.map(|hash| hash.to_string())
        };
        self.work(hash).await?.map_err(|error| Unhashed::Fault(StoreFault::new(error)))
    }

    /// Whether a text is the password of this hash; of none, it is not, and that takes as long.
    pub(super) async fn is(&self, text: &str, hash: Option<&str>) -> Result<bool, Unhashed> {
        let (text, known) = (text.to_owned(), hash.is_some());
        let hash = hash.unwrap_or(OF_NOBODY).to_owned();
        let verify = move || {
            let hash = PasswordHash::new(&hash);
            hash.is_ok_and(|hash| Argon2::default().verify_password(text.as_bytes(), &hash).is_ok())
        };
        Ok(self.work(verify).await? && known)
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unhashed> {
        let admitted = self.admitted.clone().try_acquire_owned().map_err(|_| Unhashed::Busy)?;
        let place = self.working.clone().acquire_owned().await;
        let place = place.map_err(|error| Unhashed::Fault(StoreFault::new(error)))?;
        let work = move || {
            let done = work();
            // Given back when the work is over, not when its caller has gone.
            drop((admitted, place));
            done
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Unhashed::Fault(StoreFault::new(error)))
    }
}
