//! Secrets at rest: encrypted under a master key that the operator holds.

use std::{
    fmt::{self, Write as _},
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use aes_gcm::{
    Aes256Gcm, Nonce,
    aead::{Aead, KeyInit, Payload},
};
use hmac::{Hmac, Mac as _};
use holdfast_domain::Fingerprint;
use sha2::{Digest, Sha256};

use crate::clock::Dice;

/// Seals and opens secrets with AES-256-GCM. Prints nothing of the key.
pub struct Vault {
    cipher: Aes256Gcm,
    tokens: [u8; 32],
    marks: [u8; 32],
}

/// The master key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The file cannot be read or written.
    #[error("master key file {path}: {error}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// The file is not a master key.
    #[error("master key file {}: not 64 hexadecimal digits; restore the file that this data was made with", .0.display())]
    Malformed(PathBuf),
    /// Others may read the file.
    #[error("master key file {path}: others may read it (mode {mode:o}); run: chmod 600 {path}", path = path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A sealed secret does not open.
    #[error(
        "a stored secret does not open with this master key; use the key file that this data was made with"
    )]
    Sealed,
}

impl Vault {
    /// Reads the master key from `path`; makes the file first, readable by its owner only, if there is none.
    ///
    /// # Errors
    /// When the file cannot be read or made, is malformed, or may be read by others.
    pub fn open(path: &Path, dice: &Dice) -> Result<Self, VaultError> {
        let file = |error| VaultError::File { path: path.to_owned(), error };
        if let Some(mut made) = create(path).map_err(file)? {
            let key = hex(&dice.bytes::<32>());
            made.write_all(key.as_bytes()).and_then(|()| made.sync_all()).map_err(file)?;
        }
        let mut opened = fs::File::open(path).map_err(file)?;
        if let Some(mode) = exposed(&opened).map_err(file)? {
            return Err(VaultError::Exposed { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        // A key is 64 digits and perhaps a line end: what is longer is something else.
        std::io::Read::by_ref(&mut opened).take(100).read_to_string(&mut text).map_err(file)?;
        let key = unhex(text.trim()).and_then(|key| <[u8; 32]>::try_from(key).ok());
        Ok(Self::new(&key.ok_or_else(|| VaultError::Malformed(path.to_owned()))?))
    }

    /// A vault whose key nobody knows and nobody can have again, for stores that are thrown away.
    #[must_use]
    pub fn throw_away(dice: &Dice) -> Self {
        Self::new(&dice.bytes())
    }

    fn new(key: &[u8; 32]) -> Self {
        // Each use has a key of its own, so that one cannot weaken the other.
        let own = |what: &[u8]| Sha256::new().chain_update(what).chain_update(key).finalize();
        let (tokens, marks) = (own(b"holdfast access tokens"), own(b"holdfast marks"));
        Self { cipher: Aes256Gcm::new(key.into()), tokens: tokens.into(), marks: marks.into() }
    }

    /// Encrypts a secret that belongs to `owner`: it opens only for the same owner.
    #[must_use]
    pub fn seal(&self, secret: &str, owner: &str, dice: &Dice) -> String {
        let nonce = dice.bytes::<12>();
        let payload = Payload { msg: secret.as_bytes(), aad: owner.as_bytes() };
        let sealed = self
            .cipher
            .encrypt(&Nonce::from(nonce), payload)
            .expect("a secret is shorter than 64 GiB");
        hex(&nonce) + &hex(&sealed)
    }

    /// Decrypts what [`Vault::seal`] made for the same owner.
    ///
    /// # Errors
    /// [`VaultError::Sealed`] when the key, the owner or the text is another.
    pub fn unseal(&self, sealed: &str, owner: &str) -> Result<String, VaultError> {
        let bytes = unhex(sealed).ok_or(VaultError::Sealed)?;
        let (nonce, sealed) = bytes.split_at_checked(12).ok_or(VaultError::Sealed)?;
        let nonce = <[u8; 12]>::try_from(nonce).map_err(|_| VaultError::Sealed)?;
        let payload = Payload { msg: sealed, aad: owner.as_bytes() };
        let plain =
            self.cipher.decrypt(&Nonce::from(nonce), payload).map_err(|_| VaultError::Sealed)?;
        String::from_utf8(plain).map_err(|_| VaultError::Sealed)
    }

    /// What stands for the digest of something private: the same for the same, and without the master key nobody
    /// can try out what it is of.
    #[must_use]
    pub fn mark(&self, digest: Fingerprint) -> Fingerprint {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.marks);
        let mac = mac.expect("HMAC takes a key of any length");
        let mac = mac.chain_update(digest.0).finalize().into_bytes();
        let mut mark = digest;
        for (byte, of_mac) in mark.0.iter_mut().zip(mac) {
            *byte = of_mac;
        }
        mark
    }

    /// The key that access tokens are signed with.
    #[must_use]
    pub fn token_key(&self) -> &[u8; 32] {
        &self.tokens
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

/// A new file that only its owner can read; `None` when there is one already.
fn create(path: &Path) -> io::Result<Option<fs::File>> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file's permissions, if others than its owner may read it.
#[cfg(unix)]
fn exposed(file: &fs::File) -> io::Result<Option<u32>> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata()?.permissions()) & 0o777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

#[cfg(not(unix))]
fn exposed(_file: &fs::File) -> io::Result<Option<u32>> {
    Ok(None)
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads hexadecimal digits of either case, two a byte.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte: u8, digit| byte.wrapping_shl(4) | digit))
            .collect(),
    )
}
