//! Texts that nobody may read in a log: they do not print, and their memory is wiped when they go.

use std::fmt;

use holdfast_domain::Malformed;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

macro_rules! secrets {
    ($( $(#[doc = $doc:literal])+ $name:ident; )+) => { $(
        $(#[doc = $doc])+
        ///
        /// It does not print, and two of them are compared in constant time.
        #[derive(Clone)]
        pub struct $name(Zeroizing<String>);

        impl $name {
            /// The longest one, in characters.
            pub const MAX: usize = 256;

            /// Takes a secret as it is, white space included.
            ///
            /// # Errors
            /// Refuses a blank text, one of more than [`Self::MAX`] characters, and one with control
            /// characters.
            pub fn parse(text: &str) -> Result<Self, Malformed> {
                let long = text.chars().count() > Self::MAX;
                if long || text.trim().is_empty() || text.chars().any(char::is_control) {
                    return Err(Malformed);
                }
                Ok(Self(Zeroizing::new(text.to_owned())))
            }

            /// The secret itself: to store it encrypted, or to hand it to its owner.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
            }
        }

        impl Eq for $name {}
    )+ };
}

secrets! {
    /// The key with which an app signs its requests (AppKey, 开发者密钥).
    AppKey;
    /// The communication key with which notices are signed (通讯密钥, `md5key`). It is another secret
    /// than the [`AppKey`].
    NoticeKey;
    /// What notices bear a second signature with, for receivers of Standard Webhooks: `whsec_` and Base64
    /// ([`webhook`](crate::webhook)).
    WebhookSecret;
    /// What a merchant tells of a person: a name, a mobile number, the number of a certificate.
    Personal;
    /// An access token (`protocol.md` section 2.2): whoever has it may ask in the app's name.
    Token;
}
