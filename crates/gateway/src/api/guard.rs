//! Who asks: made sure of over the bytes as received, before anything is decoded.

use std::sync::Arc;

use holdfast_domain::Moment;
use holdfast_wire::{
    auth::{AuthFault, Authorization, BodySig},
    code::Code,
    field::Seconds,
    json::Object,
    message::{FieldFault, Message as _, Problem},
    messages::{Caller, TokenAccess, TokenIssued},
    secret::{AppKey, Token},
};

use super::{Api, Arrived, No, explained};
use crate::{
    accounts::{App, Book, Key},
    config::Environment,
    limits,
    nonces::{self, Seen},
    store::Asker,
    traffic::Verdict,
};

/// A caller who has proved who it is.
pub(super) struct Admitted {
    pub(super) app: Arc<App>,
    pub(super) asker: Asker,
}

impl Api {
    /// Makes sure who asks. `content` is what a signature covers.
    pub(super) async fn admit(&self, arrived: &Arrived, content: &[u8]) -> Result<Admitted, No> {
        let witness = &arrived.witness;
        witness.verdict(Verdict::Unreadable);
        if let Some(form) = arrived.form_param() {
            return self.admit_signed(&form?.signed, arrived, content).await;
        }
        if arrived.ambiguous {
            return Err(No::new(
                Code::BadSign,
                "there are several Authorization headers".to_owned(),
            ));
        }
        let missing = || {
            witness.verdict(Verdict::Missing);
            No::new(Code::BadSign, "the Authorization header is missing".to_owned())
        };
        let header = arrived.authorization.as_ref().ok_or_else(missing)?;
        let unreadable =
            |_| No::new(Code::BadSign, "the Authorization header is not plain text".to_owned());
        match Authorization::parse(std::str::from_utf8(header.as_bytes()).map_err(unreadable)?)? {
            Authorization::BodySig(signed) => self.admit_signed(&signed, arrived, content).await,
            Authorization::AccessToken { token, app_id } => {
                let named = app_id.as_ref().map(|id| id.as_str());
                self.admit_token(&token, named, arrived)
            }
        }
    }

    async fn admit_signed(
        &self,
        signed: &BodySig,
        arrived: &Arrived,
        content: &[u8],
    ) -> Result<Admitted, No> {
        let wall = self.core.clock.wall();
        let app = self.app(signed.app_id.as_str()).await;
        if self.key_of(app.as_deref(), wall, |key| signed.verify(key, content)).is_none() {
            arrived.witness.verdict(Verdict::Wrong);
            return Err(self.wrong_signature(signed, app.as_deref(), content));
        }
        let app = app.ok_or_else(wrong)?;
        arrived.witness.proved(Verdict::Right, &app.id);
        self.check_address(&app, arrived)?;
        self.check_frozen(&app)?;
        let nonce = self.once(&app.id, signed.nonce.as_str(), signed.timestamp.moment(), wall)?;
        Ok(Admitted {
            asker: Asker::App {
                app: app.id.clone(),
                nonce: Some(nonce),
                request: Some(arrived.id),
            },
            app,
        })
    }

    fn admit_token(
        &self,
        token: &Token,
        named: Option<&str>,
        arrived: &Arrived,
    ) -> Result<Admitted, No> {
        arrived.witness.verdict(Verdict::WrongToken);
        let wall = self.core.clock.wall();
        let token = self.tokens.check(token.expose(), wall).ok_or_else(no_token)?;
        let app =
            self.accounts.book().apps.get(token.app.as_str()).cloned().ok_or_else(no_token)?;
        let alive = app.keys.iter().any(|key| key.number == token.key && key.is_good(wall));
        if !alive || named.is_some_and(|named| named != &*app.id) {
            return Err(no_token());
        }
        arrived.witness.proved(Verdict::Token, &app.id);
        self.check_address(&app, arrived)?;
        self.check_frozen(&app)?;
        Ok(Admitted {
            asker: Asker::App { app: app.id.clone(), nonce: None, request: Some(arrived.id) },
            app,
        })
    }

    /// Exchanges a signed request for a token.
    pub(super) async fn issue_token(
        &self,
        content: &[u8],
        arrived: &Arrived,
    ) -> Result<Vec<u8>, No> {
        let request = TokenAccess::decode(&Object::parse(content)?).map_err(|faults| {
            // The same fault in a header is answered so too.
            let unreadable = |fault: &FieldFault| {
                fault.path == "timestamp" && matches!(fault.problem, Problem::Invalid(_))
            };
            match faults.iter().any(unreadable) {
                true => AuthFault::Timestamp.into(),
                false => No::fields(&faults),
            }
        })?;
        arrived.witness.verdict(Verdict::Wrong);
        let wall = self.core.clock.wall();
        let app = self.app(request.app_id.as_str()).await;
        let key = self.key_of(app.as_deref(), wall, |key| request.verify(key)).ok_or_else(wrong)?;
        let app = app.ok_or_else(wrong)?;
        arrived.witness.proved(Verdict::Right, &app.id);
        self.check_address(&app, arrived)?;
        self.check_frozen(&app)?;
        self.once(&app.id, request.nonce.as_str(), request.timestamp.moment(), wall)?;
        let token = self.tokens.issue(&app.id, key, wall);
        let token = Token::parse(&token).map_err(|_| No::broken())?;
        let life = u32::try_from(limits::TOKEN_MS.div_euclid(1_000)).unwrap_or(u32::MAX);
        let issued = TokenIssued::new(token, Seconds(life));
        Ok(issued.encode())
    }

    /// The app of that id.
    async fn app(&self, id: &str) -> Option<Arc<App>> {
        self.found(|book| book.apps.get(id).cloned()).await
    }

    /// The app that is found, also one that another process has added just now.
    pub(super) async fn found(&self, find: impl Fn(&Book) -> Option<Arc<App>>) -> Option<Arc<App>> {
        let known = find(&self.accounts.book());
        if known.is_none()
            && let Err(error) = self.accounts.refresh().await
        {
            tracing::error!(%error, "apps and merchants cannot be read again");
        }
        known.or_else(|| find(&self.accounts.book()))
    }

    /// The number of the app's live key that fits. An unknown app takes as long as a wrong key.
    fn key_of(
        &self,
        app: Option<&App>,
        wall: Moment,
        fits: impl Fn(&AppKey) -> bool,
    ) -> Option<u32> {
        let Some(app) = app else {
            let _ = fits(&nobodys_key());
            return None;
        };
        let live: Vec<&Key> = app.keys.iter().filter(|key| key.is_good(wall)).collect();
        if live.is_empty() {
            let _ = fits(&nobodys_key());
        }
        // Every live key is tried, whether or not one before it fits.
        live.into_iter().filter(|key| fits(&key.secret)).map(|key| key.number).last()
    }

    /// Answers an unknown app and a wrong signature alike. In test it also says what was signed.
    fn wrong_signature(&self, signed: &BodySig, app: Option<&App>, content: &[u8]) -> No {
        let mut no = wrong();
        if self.terms.environment == Environment::Test {
            let nobodys = nobodys_key();
            let newest = app.and_then(|app| app.keys.first());
            let key = newest.map_or(&nobodys, |key| &key.secret);
            no.signed = Some(explained(signed, key, content));
        }
        no
    }

    pub(super) fn check_address(&self, app: &App, arrived: &Arrived) -> Result<(), No> {
        match arrived.peer {
            Some(peer) if !app.may_call_from(peer.0.ip()) => {
                let text = format!("this app may not call from {}", peer.0.ip());
                Err(No::new(Code::DeniedIp, text))
            }
            _ => Ok(()),
        }
    }

    /// A signature is good once, near the time it names. Answers what the journal is to remember of it.
    fn once(&self, app: &str, nonce: &str, at: Moment, wall: Moment) -> Result<(u64, Moment), No> {
        self.near("the signature", at, wall)?;
        let (mark, until) = (nonces::mark(app, nonce), at.plus_ms(self.terms.clock_skew_ms));
        match self.nonces.see(mark, until, wall) {
            Seen::New => Ok((mark, until)),
            Seen::Before => {
                Err(No::new(Code::BadSign, "this nonce was used before; take a new one".to_owned()))
            }
            Seen::Full => Err(No::new(
                Code::TxnDiscarded,
                "too many requests within the nonce window".to_owned(),
            )),
        }
    }

    /// Whether the time that something names is near our own.
    pub(super) fn near(&self, what: &str, at: Moment, wall: Moment) -> Result<(), No> {
        let skew = self.terms.clock_skew_ms;
        let off = wall.0.saturating_sub(at.0);
        if off.saturating_abs() <= skew {
            return Ok(());
        }
        let text = format!(
            "{what} is {} seconds {} our clock, more than the {} allowed; it is {} in Beijing",
            off.saturating_abs().div_euclid(1_000),
            if off > 0 { "behind" } else { "ahead of" },
            skew.div_euclid(1_000),
            holdfast_wire::time::show(wall),
        );
        Err(No::new(Code::AbnormalRequestTime, text))
    }

    /// Whether the app may act for the caller's merchant now, from the caller's terminal.
    pub(super) fn may_act(&self, app: &App, caller: Caller<'_>) -> Result<(), No> {
        let mid = caller.mid;
        let merchant = self.accounts.book().merchants.get(mid).cloned();
        let Some(merchant) = merchant.filter(|_| app.merchants.contains(mid)) else {
            return Err(No::new(Code::NoMerchant, format!("mid: this app may not act for {mid}")));
        };
        if merchant.frozen.is_some() {
            return Err(No::new(Code::InactiveMerchant, format!("mid: merchant {mid} is frozen")));
        }
        match caller.tid.filter(|tid| !merchant.takes(tid)) {
            None => Ok(()),
            Some(tid) => {
                let text = format!(
                    "tid: 终端 {tid} 未登记，该商户仅受理已登记的终端 | tid: merchant {mid} takes requests of its registered terminals only, and {tid} is none of them"
                );
                Err(No::new(Code::NoMerchant, text))
            }
        }
    }

    /// Whether the app, which has proved who it is, was frozen.
    pub(super) fn check_frozen(&self, app: &App) -> Result<(), No> {
        match &app.frozen {
            None => Ok(()),
            Some(_) => {
                let text = format!("应用 {} 已被冻结 | app {} is frozen", app.id, app.id);
                Err(No::new(Code::InactiveMerchant, text))
            }
        }
    }
}

fn wrong() -> No {
    No::new(Code::BadSign, "认证失败: unknown app or wrong signature".to_owned())
}

fn no_token() -> No {
    No::new(
        Code::BadSign,
        "认证失败: the access token is unknown or over; get a new one".to_owned(),
    )
}

/// A key that belongs to nobody, so that being unknown takes as long as being wrong.
fn nobodys_key() -> AppKey {
    AppKey::parse("00000000000000000000000000000000").expect("32 digits are a key")
}
