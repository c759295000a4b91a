//! Requests as a walk wants them signed: rightly, wrongly, late, twice.

use holdfast_client::{AppId, AppKey, Client, Sent};
use holdfast_gateway::clock::{Clock, Dice};
use holdfast_wire::{
    auth::{BodySig, FormParam, Nonce, Stamp},
    field::SignMethod,
    legacy::Signed,
    message::{EndpointSpec, Message as _},
    messages::TokenAccess,
    notice::{SIGN, SIGN_TYPE},
    secret::NoticeKey,
};
use serde_json::Value;

use super::walk::Auth;

const DAY_MS: i64 = 86_400_000;

/// Who asks, by all the names that it has.
pub(super) struct Signer {
    /// Asks as the command line says.
    pub(super) client: Client,
    /// The app.
    pub(super) app_id: AppId,
    /// Its key.
    pub(super) key: AppKey,
    /// The app's name in the predecessor protocol, if it has one.
    pub(super) msg_src: Option<String>,
    /// The merchant's communication key, if it was given.
    pub(super) notice_key: Option<NoticeKey>,
    /// What time it is.
    pub(super) clock: Clock,
    /// Chance for nonces.
    pub(super) dice: Dice,
}

/// What is to be sent, before it is signed.
pub(super) struct Unsigned<'u> {
    /// Where to.
    pub(super) path: &'u str,
    /// The endpoint that is meant, if one is.
    pub(super) endpoint: Option<&'static EndpointSpec>,
    /// The body.
    pub(super) body: String,
    /// The token that a step before has got, if one did.
    pub(super) token: &'u str,
}

impl Signer {
    /// The request as it goes over the wire.
    ///
    /// # Errors
    /// Says what is missing to make it.
    pub(super) async fn sign(&self, auth: Auth, unsigned: Unsigned<'_>) -> Result<Sent, String> {
        let Unsigned { path, endpoint, body, token } = unsigned;
        let url = format!("{}{path}", self.client.base_url());
        let posted = |proof: Option<String>, body: String| {
            let mut sent = Sent::unsigned("POST", url.clone(), body.into_bytes());
            sent.headers.extend(proof.map(|proof| ("Authorization", proof)));
            sent
        };
        let by = |id: &AppId, key: &AppKey, off_ms: i64| {
            let at = Stamp::at(self.clock.wall().plus_ms(off_ms));
            Ok::<_, String>(BodySig::sign(key, id.clone(), at, self.nonce()?, body.as_bytes()))
        };
        let right = || Ok::<_, String>(by(&self.app_id, &self.key, 0)?.header());
        Ok(match auth {
            Auth::Right => self
                .client
                .prepare(path, body.as_bytes())
                .await
                .map_err(|error| error.to_string())?,
            Auth::None => posted(None, body),
            Auth::BodySig => posted(Some(right()?), body),
            Auth::Spaced => posted(Some(right()?.replace("\",", "\", ")), body),
            Auth::SmallLetters => {
                let names = ["AppId", "Timestamp", "Nonce", "Signature"];
                let small = names.iter().fold(right()?, |header, name| {
                    let small = format!(
                        "{}{}=\"",
                        name.get(..1).unwrap_or_default().to_lowercase(),
                        name.get(1..).unwrap_or_default()
                    );
                    header.replace(&format!("{name}=\""), &small)
                });
                posted(Some(small), body)
            }
            Auth::WrongKey => posted(Some(by(&self.app_id, &other_key()?, 0)?.header()), body),
            Auth::UnknownApp => {
                let unknown = AppId::parse("holdfast-conformance-nobody")
                    .map_err(|_| "nobody has a name".to_owned())?;
                posted(Some(by(&unknown, &self.key, 0)?.header()), body)
            }
            Auth::ChangedBody => posted(Some(right()?), format!("{body} ")),
            Auth::DayOld => posted(Some(by(&self.app_id, &self.key, -DAY_MS)?.header()), body),
            Auth::DayAhead => posted(Some(by(&self.app_id, &self.key, DAY_MS)?.header()), body),
            Auth::UnreadableTime => {
                let signed = by(&self.app_id, &self.key, 0)?;
                posted(Some(signed.header().replace(signed.timestamp.as_str(), "yesterday")), body)
            }
            Auth::Token => posted(Some(format!("OPEN-ACCESS-TOKEN AccessToken={token}")), body),
            Auth::TokenQuoted => {
                let id = &self.app_id;
                let header = format!(r#"OPEN-ACCESS-TOKEN AccessToken="{token}", AppId="{id}""#);
                posted(Some(header), body)
            }
            Auth::TokenChanged => {
                let (rest, last) =
                    token.split_at_checked(token.len().saturating_sub(1)).unwrap_or_default();
                let other = if last == "0" { "1" } else { "0" };
                posted(Some(format!("OPEN-ACCESS-TOKEN AccessToken={rest}{other}")), body)
            }
            Auth::TokenMadeUp => {
                let made_up = self.dice.hex(32);
                posted(Some(format!("OPEN-ACCESS-TOKEN AccessToken={made_up}")), body)
            }
            Auth::Sha256 => posted(None, self.token_request(Some(SignMethod::Sha256), &self.key)?),
            Auth::Sha1 => posted(None, self.token_request(None, &self.key)?),
            Auth::Sha256WrongKey => {
                posted(None, self.token_request(Some(SignMethod::Sha256), &other_key()?)?)
            }
            Auth::FormParam | Auth::FormParamWrongKey => {
                let key = if auth == Auth::FormParam { self.key.clone() } else { other_key()? };
                let mut sent =
                    Sent::unsigned("GET", format!("{url}?{}", self.form(&key, body)?), vec![]);
                sent.headers.clear();
                sent
            }
            Auth::FormBody => {
                let form = self.form(&self.key, body)?;
                let mut sent = posted(None, form);
                sent.headers =
                    vec![("Content-Type", "application/x-www-form-urlencoded".to_owned())];
                sent
            }
            Auth::Legacy | Auth::LegacySha256 | Auth::LegacyWrongKey => {
                posted(None, self.legacy(auth, endpoint, &body)?)
            }
        })
    }

    fn nonce(&self) -> Result<Nonce, String> {
        Nonce::parse(&self.dice.hex(32)).map_err(|_| "no nonce".to_owned())
    }

    fn token_request(&self, method: Option<SignMethod>, key: &AppKey) -> Result<String, String> {
        let at = Stamp::at(self.clock.wall());
        let request = TokenAccess::sign_by(method, key, self.app_id.clone(), at, self.nonce()?);
        Ok(String::from_utf8_lossy(&request.encode()).into_owned())
    }

    fn form(&self, key: &AppKey, content: String) -> Result<String, String> {
        let at = Stamp::at(self.clock.wall());
        Ok(FormParam::sign(key, self.app_id.clone(), at, self.nonce()?, content).query())
    }

    /// The body with what the predecessor protocol has in it: the kind of message, its source, its signature.
    fn legacy(
        &self,
        auth: Auth,
        endpoint: Option<&'static EndpointSpec>,
        body: &str,
    ) -> Result<String, String> {
        let key = match auth {
            Auth::LegacyWrongKey => NoticeKey::parse(OTHER).map_err(|_| "no key".to_owned())?,
            _ => self
                .notice_key
                .clone()
                .ok_or("the predecessor protocol needs the communication key")?,
        };
        let source = self.msg_src.as_deref().ok_or("the predecessor protocol needs --msg-src")?;
        let kind = endpoint.and_then(|endpoint| endpoint.msg_type);
        let mut message: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
        let fields = message.as_object_mut().ok_or("the request is no object")?;
        fields.extend(kind.map(|kind| ("msgType".to_owned(), kind.into())));
        fields.insert("msgSrc".to_owned(), source.into());
        if auth == Auth::LegacySha256 {
            let word = holdfast_wire::field::SignType::Sha256.as_str();
            fields.insert(SIGN_TYPE.to_owned(), word.into());
        }
        let text = message.to_string();
        let signed = Signed::parse(text.as_bytes()).map_err(|fault| fault.to_string())?;
        let sign = signed.sign(&key);
        if let Some(fields) = message.as_object_mut() {
            fields.insert(SIGN.to_owned(), sign.into());
        }
        Ok(message.to_string())
    }
}

/// A key that is not the app's, nor anybody's.
const OTHER: &str = "holdfast-conformance-a-key-of-nobody";

fn other_key() -> Result<AppKey, String> {
    AppKey::parse(OTHER).map_err(|_| "no key".to_owned())
}
