//! Who sends a request: the three authentication schemes (`protocol.md` section 2).
//!
//! Nothing here knows the time or who is known: whether a timestamp is near enough, a nonce is new and
//! an app exists is for the gateway to say.

use std::{borrow::Cow, fmt};

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use holdfast_domain::{Malformed, Moment};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{
    code::Code,
    field::SignMethod,
    messages::TokenAccess,
    secret::{AppKey, Token},
    time,
};

/// The longest `Authorization` header that is looked at, in bytes.
pub const HEADER_MAX: usize = 2048;

/// Base64 in the standard alphabet. Some callers cut the padding off.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a caller says in its `Authorization` header to prove who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// `OPEN-BODY-SIG`: the body is signed with the app's key.
    BodySig(BodySig),
    /// `OPEN-ACCESS-TOKEN`: the caller shows a token that it was issued.
    AccessToken {
        /// The token.
        token: Token,
        /// Whose token it is, if the caller says.
        app_id: Option<AppId>,
    },
}

/// A signature over a body, and what was signed with it. It proves nothing until it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodySig {
    /// The app that claims to have signed.
    pub app_id: AppId,
    /// When it signed.
    pub timestamp: Stamp,
    /// A text that the app uses once.
    pub nonce: Nonce,
    /// The signature.
    pub signature: Signature,
}

/// A request as a browser carries it: `OPEN-FORM-PARAM`, in a query or in a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormParam {
    /// The JSON of the request: what was signed.
    pub content: String,
    /// The signature over it.
    pub signed: BodySig,
}

/// Defines texts of the schemes: a type, its bound in characters, and which characters it may have.
macro_rules! tokens {
    ($( $(#[doc = $doc:literal])+ $name:ident $most:literal, $fits:expr; )+) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The longest one, in characters.
            pub const MAX: usize = $most;

            /// Reads one.
            ///
            /// # Errors
            /// Refuses an empty text, one that is too long, and one with characters it may not have.
            pub fn parse(text: &str) -> Result<Self, Malformed> {
                let long = text.len() > Self::MAX && text.chars().count() > Self::MAX;
                if text.is_empty() || long || !text.chars().all($fits) {
                    return Err(Malformed);
                }
                Ok(Self(text.into()))
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+ };
}

tokens! {
    /// The name of an app (AppId, 开发者 ID): visible ASCII without quotes and commas. The sources
    /// promise 32 characters; twice as many are read.
    AppId 64, |c| c.is_ascii_graphic() && !matches!(c, '"' | ',');
    /// A text that an app uses once: anything but quotes and control characters.
    Nonce 128, |c| !c.is_control() && c != '"';
    /// A signature as it was sent. It is decoded only to be compared, so a broken one is a wrong one.
    Signature 256, |c| !c.is_control() && c != '"';
}

/// When something was signed, as 14 digits `yyyyMMddHHmmss` in Beijing time. The digits are kept,
/// because they are what is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    text: Box<str>,
    moment: Moment,
}

impl Stamp {
    /// Reads the digits.
    ///
    /// # Errors
    /// Refuses anything else, and times that do not exist.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let moment = time::parse_stamp(text).ok_or(Malformed)?;
        Ok(Self { text: text.into(), moment })
    }

    /// The digits for a moment.
    #[must_use]
    pub fn at(moment: Moment) -> Self {
        Self { text: time::show_stamp(moment).into(), moment }
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// When that is.
    #[must_use]
    pub fn moment(&self) -> Moment {
        self.moment
    }
}

/// A SHA-1 or SHA-256 digest in hexadecimal digits of either case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HexDigest(Box<str>);

impl HexDigest {
    /// Reads the digits.
    ///
    /// # Errors
    /// Refuses anything but 40 or 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if matches!(text.len(), 40 | 64) && digits { Ok(Self(text.into())) } else { Err(Malformed) }
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a caller cannot even be asked who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthFault {
    /// The header names none of the schemes.
    Scheme,
    /// The header is longer than [`HEADER_MAX`].
    TooLong,
    /// The text after the scheme is not `Key="value",Key="value"`, or a form is not form-urlencoded.
    Syntax,
    /// A parameter is missing.
    Missing(&'static str),
    /// A parameter is there twice.
    Repeated(&'static str),
    /// A parameter that the scheme does not have.
    Unknown(String),
    /// A parameter is empty, too long, or has characters it may not have.
    Invalid(&'static str),
    /// The timestamp is not 14 digits, or there is no such time.
    Timestamp,
}

const APP_ID: &str = "AppId";
const TIMESTAMP: &str = "Timestamp";
const NONCE: &str = "Nonce";
const SIGNATURE: &str = "Signature";
const ACCESS_TOKEN: &str = "AccessToken";
const AUTHORIZATION: &str = "authorization";
const CONTENT: &str = "content";

impl Authorization {
    /// Reads the value of an `Authorization` header.
    ///
    /// Scheme and keys are read in any case, values with quotes or without, and white space around `=`
    /// and `,` is skipped: all of that is seen in the wild (`protocol.md` section 2.1).
    ///
    /// # Errors
    /// Says what keeps the header from being read.
    pub fn parse(header: &str) -> Result<Self, AuthFault> {
        if header.len() > HEADER_MAX {
            return Err(AuthFault::TooLong);
        }
        let header = header.trim();
        let (scheme, rest) = header.split_once([' ', '\t']).unwrap_or((header, ""));
        if scheme.eq_ignore_ascii_case("OPEN-BODY-SIG") {
            let known = [APP_ID, TIMESTAMP, NONCE, SIGNATURE];
            return Ok(Self::BodySig(BodySig::of(&Parameters::of_header(rest, &known)?)?));
        }
        if scheme.eq_ignore_ascii_case("OPEN-ACCESS-TOKEN") {
            let parameters = Parameters::of_header(rest, &[ACCESS_TOKEN, APP_ID])?;
            return Ok(Self::AccessToken {
                token: parameters.read(ACCESS_TOKEN, Token::parse)?,
                app_id: match parameters.get(APP_ID) {
                    Some(_) => Some(parameters.read(APP_ID, AppId::parse)?),
                    None => None,
                },
            });
        }
        Err(AuthFault::Scheme)
    }
}

impl BodySig {
    /// Signs a body.
    #[must_use]
    pub fn sign(key: &AppKey, app_id: AppId, timestamp: Stamp, nonce: Nonce, body: &[u8]) -> Self {
        let mut signed = Self { app_id, timestamp, nonce, signature: Signature("".into()) };
        let code = hmac(key.expose(), signed.signed_text(body).as_bytes()).finalize();
        signed.signature = Signature(BASE64.encode(code.into_bytes()).into());
        signed
    }

    /// Whether the body was signed so with this key. Takes as long for a wrong signature as for a right
    /// one.
    #[must_use]
    pub fn verify(&self, key: &AppKey, body: &[u8]) -> bool {
        let code = hmac(key.expose(), self.signed_text(body).as_bytes());
        let claimed = BASE64.decode(self.signature.as_str());
        claimed.is_ok_and(|claimed| code.verify_slice(&claimed).is_ok())
    }

    /// The value of the `Authorization` header, spelled as on the official page.
    #[must_use]
    pub fn header(&self) -> String {
        format!(
            r#"OPEN-BODY-SIG AppId="{}",Timestamp="{}",Nonce="{}",Signature="{}""#,
            self.app_id,
            self.timestamp.as_str(),
            self.nonce,
            self.signature,
        )
    }

    /// What is signed: app, time, nonce, and the body's digest.
    fn signed_text(&self, body: &[u8]) -> String {
        let digest = hex(&Sha256::digest(body));
        [self.app_id.as_str(), self.timestamp.as_str(), self.nonce.as_str(), &digest].concat()
    }

    fn of(parameters: &Parameters<'_>) -> Result<Self, AuthFault> {
        Ok(Self {
            app_id: parameters.read(APP_ID, AppId::parse)?,
            timestamp: parameters.read(TIMESTAMP, Stamp::parse).map_err(|fault| match fault {
                AuthFault::Invalid(_) => AuthFault::Timestamp,
                fault => fault,
            })?,
            nonce: parameters.read(NONCE, Nonce::parse)?,
            signature: parameters.read(SIGNATURE, Signature::parse)?,
        })
    }
}

impl FormParam {
    /// Reads a query or a form body, encoded as `application/x-www-form-urlencoded`; a space may be
    /// `+` or `%20`. Parameters that the scheme does not have are ignored.
    ///
    /// # Errors
    /// Says what keeps the parameters from being read.
    pub fn parse(form: &str) -> Result<Self, AuthFault> {
        let known = [AUTHORIZATION, APP_ID, TIMESTAMP, NONCE, CONTENT, SIGNATURE];
        let parameters = Parameters::of_form(form, &known)?;
        let scheme = parameters.get(AUTHORIZATION).ok_or(AuthFault::Scheme)?;
        if !scheme.eq_ignore_ascii_case("OPEN-FORM-PARAM") {
            return Err(AuthFault::Scheme);
        }
        let content = parameters.get(CONTENT).ok_or(AuthFault::Missing(CONTENT))?.to_owned();
        Ok(Self { content, signed: BodySig::of(&parameters)? })
    }

    /// Signs a request and takes it along.
    #[must_use]
    pub fn sign(
        key: &AppKey,
        app_id: AppId,
        timestamp: Stamp,
        nonce: Nonce,
        content: String,
    ) -> Self {
        let signed = BodySig::sign(key, app_id, timestamp, nonce, content.as_bytes());
        Self { content, signed }
    }

    /// Whether the content was signed so with this key.
    #[must_use]
    pub fn verify(&self, key: &AppKey) -> bool {
        self.signed.verify(key, self.content.as_bytes())
    }

    /// The query of the address to which a browser is sent, without the `?`.
    #[must_use]
    pub fn query(&self) -> String {
        let mut query = String::from("authorization=OPEN-FORM-PARAM");
        for (name, value) in [
            ("appId", self.signed.app_id.as_str()),
            ("timestamp", self.signed.timestamp.as_str()),
            ("nonce", self.signed.nonce.as_str()),
            ("content", &self.content),
            ("signature", self.signed.signature.as_str()),
        ] {
            query.push('&');
            query.push_str(name);
            query.push('=');
            encode_form(&mut query, value);
        }
        query
    }
}

impl TokenAccess {
    /// Signs a request for a token, with SHA-256.
    #[must_use]
    pub fn sign(key: &AppKey, app_id: AppId, timestamp: Stamp, nonce: Nonce) -> Self {
        Self::sign_by(Some(SignMethod::Sha256), key, app_id, timestamp, nonce)
    }

    /// Signs a request for a token with a digest; SHA-1 unless named. That one is for checking gateways: what
    /// callers send is SHA-256.
    #[must_use]
    pub fn sign_by(
        sign_method: Option<SignMethod>,
        key: &AppKey,
        app_id: AppId,
        timestamp: Stamp,
        nonce: Nonce,
    ) -> Self {
        let unsigned = HexDigest("".into());
        let mut request = Self { app_id, timestamp, nonce, sign_method, signature: unsigned };
        request.signature = HexDigest(request.right_signature(key).into());
        request
    }

    /// The signature that this request should have, in lower-case hexadecimal digits.
    pub(crate) fn right_signature(&self, key: &AppKey) -> String {
        hex(&self.digest(key))
    }

    /// Whether the request was signed so with this key. Takes as long for a wrong signature as for a
    /// right one.
    #[must_use]
    pub fn verify(&self, key: &AppKey) -> bool {
        let digest = self.right_signature(key);
        digest.as_bytes().ct_eq(self.signature.0.to_ascii_lowercase().as_bytes()).into()
    }

    fn digest(&self, key: &AppKey) -> Vec<u8> {
        let (app_id, timestamp) = (self.app_id.as_str(), self.timestamp.as_str());
        let parts = [app_id, timestamp, self.nonce.as_str(), key.expose()];
        match self.sign_method {
            Some(SignMethod::Sha256) => parts
                .iter()
                .fold(Sha256::new(), |to, part| to.chain_update(part))
                .finalize()
                .to_vec(),
            None => {
                parts.iter().fold(Sha1::new(), |to, part| to.chain_update(part)).finalize().to_vec()
            }
        }
    }
}

/// The parameters of a scheme under the names by which they are known; none is there twice.
struct Parameters<'a>(Vec<(&'static str, Cow<'a, str>)>);

impl<'a> Parameters<'a> {
    fn of_header(text: &'a str, known: &[&'static str]) -> Result<Self, AuthFault> {
        let mut parameters = Self(Vec::with_capacity(known.len()));
        let mut rest = text;
        loop {
            let (key, after) = rest.split_once('=').ok_or(AuthFault::Syntax)?;
            let key = key.trim();
            let name = known.iter().find(|name| name.eq_ignore_ascii_case(key));
            let name = name.ok_or_else(|| AuthFault::Unknown(key.to_owned()))?;
            let after = after.trim_start();
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or(AuthFault::Syntax)?,
                None => {
                    let end = after.find(',').unwrap_or(after.len());
                    let (value, after) = after.split_at(end);
                    let value = value.trim_end();
                    if value.contains(|c: char| c.is_whitespace() || c == '"') {
                        return Err(AuthFault::Syntax);
                    }
                    (value, after)
                }
            };
            parameters.add(name, Cow::Borrowed(value))?;
            match after.trim_start() {
                "" => return Ok(parameters),
                more => rest = more.strip_prefix(',').ok_or(AuthFault::Syntax)?,
            }
        }
    }

    fn of_form(form: &'a str, known: &[&'static str]) -> Result<Self, AuthFault> {
        let mut parameters = Self(Vec::with_capacity(known.len()));
        for pair in form.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key = decode_form(key).ok_or(AuthFault::Syntax)?;
            if let Some(name) = known.iter().find(|name| name.eq_ignore_ascii_case(&key)) {
                parameters.add(name, decode_form(value).ok_or(AuthFault::Syntax)?)?;
            }
        }
        Ok(parameters)
    }

    fn add(&mut self, name: &'static str, value: Cow<'a, str>) -> Result<(), AuthFault> {
        if self.get(name).is_some() {
            return Err(AuthFault::Repeated(name));
        }
        self.0.push((name, value));
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_ref())
    }

    fn read<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, Malformed>,
    ) -> Result<T, AuthFault> {
        let value = self.get(name).ok_or(AuthFault::Missing(name))?;
        parse(value).map_err(|Malformed| AuthFault::Invalid(name))
    }
}

/// Decodes `application/x-www-form-urlencoded`; `None` for a broken escape and for what is not UTF-8.
pub(crate) fn decode_form(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// Encodes `application/x-www-form-urlencoded` as `java.net.URLEncoder` does.
pub(crate) fn encode_form(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit =
        |nibble: u8| char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes that hexadecimal digits of either case stand for.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let mut digits = text.bytes();
    let mut bytes = Vec::with_capacity(text.len() / 2);
    while let Some(high) = digits.next() {
        bytes.push(hex_digit(high)? << 4 | hex_digit(digits.next()?)?);
    }
    Some(bytes)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[expect(clippy::expect_used, reason = "HMAC is defined for keys of any length")]
pub(crate) fn hmac(key: &str, text: &[u8]) -> Hmac<Sha256> {
    let code =
        Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    code.chain_update(text)
}

impl AuthFault {
    /// The error code with which it is answered.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Timestamp => Code::UnreadableTimestamp,
            _ => Code::BadSign,
        }
    }

    /// What is wrong, in Chinese.
    #[must_use]
    pub fn zh(&self) -> String {
        match self {
            Self::Scheme => {
                "认证失败：应使用 OPEN-BODY-SIG、OPEN-ACCESS-TOKEN 或 OPEN-FORM-PARAM".to_owned()
            }
            Self::TooLong => format!("认证失败：Authorization 超过 {HEADER_MAX} 字节"),
            Self::Syntax => "认证失败：认证内容格式有误".to_owned(),
            Self::Missing(name) => format!("认证失败：缺少 {name}"),
            Self::Repeated(name) => format!("认证失败：{name} 重复出现"),
            Self::Unknown(name) => format!("认证失败：不认识的参数 {name}"),
            Self::Invalid(name) => format!("认证失败：{name} 的内容有误"),
            Self::Timestamp => "Timestamp解析失败：应为 yyyyMMddHHmmss（北京时间）".to_owned(),
        }
    }
}

impl fmt::Display for AuthFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str(
                "authentication must be OPEN-BODY-SIG, OPEN-ACCESS-TOKEN or OPEN-FORM-PARAM",
            ),
            Self::TooLong => write!(f, "Authorization is longer than {HEADER_MAX} bytes"),
            Self::Syntax => f.write_str("the authentication parameters cannot be read"),
            Self::Missing(name) => write!(f, "{name} is missing in the authentication"),
            Self::Repeated(name) => write!(f, "{name} is there twice in the authentication"),
            Self::Unknown(name) => write!(f, "the authentication has no parameter `{name}`"),
            Self::Invalid(name) => write!(f, "{name} is empty, too long, or has wrong characters"),
            Self::Timestamp => {
                f.write_str("Timestamp cannot be read: it must be yyyyMMddHHmmss, Beijing time")
            }
        }
    }
}

impl std::error::Error for AuthFault {}
