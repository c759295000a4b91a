//! The predecessor protocol: another door to the same answers.
//!
//! Its requests have no nonce, so one that is caught can be sent again until its time is too far off. Order
//! numbers make that harmless where money moves: the same number is answered as it was the first time. What has no
//! number can be done again; of that, only an old renewal of a code undoes a newer one.

use std::sync::Arc;

use holdfast_domain::{Mid, Text};
use holdfast_wire::{code::Code, legacy::Signed, messages::Caller, secret::NoticeKey};
use hyper::StatusCode;

use super::{Api, Arrived, No, guard::Admitted};
use crate::{config::Environment, store::Asker, traffic::Verdict};

impl Api {
    /// Answers a request of the predecessor protocol.
    pub(super) async fn answer_legacy(&self, arrived: &Arrived) -> (StatusCode, Vec<u8>) {
        let (status, body) = match Signed::parse(&arrived.body) {
            Err(fault) => self.refuse(fault.into()),
            Ok(signed) => match self.vouched(&signed, arrived).await {
                Ok((admitted, key)) => {
                    let (status, body) = self.serve_legacy(&signed, &admitted).await;
                    (status, signed.answer(&body, &key))
                }
                Err(no) => {
                    let (status, body) =
                        self.refuse_to(no, |failure| failure.echoing(&signed.object));
                    (status, signed.answer_unsigned(&body))
                }
            },
        };
        // Its callers read the body only when the status is 200; what broke is still told to those between.
        (if status.is_server_error() { status } else { StatusCode::OK }, body)
    }

    async fn serve_legacy(
        &self,
        signed: &Signed<'_>,
        admitted: &Admitted,
    ) -> (StatusCode, Vec<u8>) {
        let Some(endpoint) = signed.endpoint() else {
            let asked = signed.msg_type().unwrap_or_default();
            let no = No::new(Code::NoService, format!("msgType: nothing is called {asked:?}"));
            return self.refuse_to(no, |failure| failure.echoing(&signed.object));
        };
        let allow = |caller: Caller<'_>| {
            self.near("requestTimestamp", caller.at, self.core.clock.wall())?;
            self.may_act(&admitted.app, caller)
        };
        let (status, body, _) =
            self.serve(endpoint.path, &signed.object, &admitted.asker, allow).await;
        (status, body)
    }

    /// Makes sure who asks: an app that is known by its `msgSrc`, with the communication key of the merchant it
    /// asks for. Answers the key too, for the answer.
    async fn vouched(
        &self,
        signed: &Signed<'_>,
        arrived: &Arrived,
    ) -> Result<(Admitted, NoticeKey), No> {
        arrived.witness.verdict(Verdict::Wrong);
        let app = match signed.source().and_then(|source| Text::parse(source).ok()) {
            Some(source) => self.found(|book| book.named(&source).cloned()).await,
            None => None,
        };
        let app = app.ok_or_else(|| {
            No::new(Code::InvalidMsgsrc, "msgSrc: no app calls by this name".to_owned())
        })?;
        let mid = signed.mid().and_then(|mid| Mid::parse(mid).ok());
        let merchant = mid.and_then(|mid| self.accounts.book().merchants.get(&mid).cloned());
        let wall = self.core.clock.wall();
        let keys = merchant.iter().flat_map(|merchant| &merchant.notices.keys);
        let live: Vec<&NoticeKey> =
            keys.filter(|key| key.is_good(wall)).map(|key| &key.secret).collect();
        if live.is_empty() {
            // A merchant that nobody knows takes as long as a wrong key.
            let _ = signed.is_signed_with(&nobodys_key());
        }
        // Every live key is tried, whether or not one before it fits.
        let fits: Vec<_> = live.into_iter().filter(|key| signed.is_signed_with(key)).collect();
        let key = fits.first().copied().cloned().ok_or_else(|| self.wrong_sign(signed))?;
        arrived.witness.proved(Verdict::Right, &app.id);
        if let Some(field) = signed.ambiguous() {
            let text = format!(
                "{field}: 字段名或内容中的 & 与 = 使签名产生歧义，请去除 | {field}: its & and = leave open what was signed: take them out"
            );
            return Err(No::new(Code::BadSign, text));
        }
        self.check_address(&app, arrived)?;
        self.check_frozen(&app)?;
        let asker = Asker::App { app: Arc::clone(&app.id), nonce: None, request: Some(arrived.id) };
        Ok((Admitted { app, asker }, key))
    }

    /// Answers an unknown merchant and a wrong signature alike. In test it also says what is to be signed.
    fn wrong_sign(&self, signed: &Signed<'_>) -> No {
        let text = "认证失败: mid has no communication key here, or sign is wrong".to_owned();
        let mut no = No::new(Code::BadSign, text);
        if self.terms.environment == Environment::Test {
            no.signed = Some(serde_json::json!({
                "text": signed.text_to_sign(),
                "en": "append the communication key to this text; the digest of both is sign: SHA-256 if signType is SHA256, else MD5",
                "zh": "在该文本之后直接拼接通讯密钥，其摘要即 sign：signType 为 SHA256 时用 SHA-256，否则用 MD5",
            }));
        }
        no
    }
}

/// A key that belongs to nobody, so that being unknown takes as long as being wrong.
fn nobodys_key() -> NoticeKey {
    NoticeKey::parse("00000000000000000000000000000000").expect("32 digits are a key")
}
