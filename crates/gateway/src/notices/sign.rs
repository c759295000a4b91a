//! Who signs letters: the merchants' settings, as they are when a letter is sent.

use holdfast_domain::Moment;
use holdfast_wire::{notice, webhook};

use super::{Letter, Signed, Signer, Unsigned};
use crate::accounts::Accounts;

impl Signer for Accounts {
    fn sign(&self, letter: &Letter, wall: Moment) -> Result<Signed, Unsigned> {
        let (book, mid) = (self.book(), &letter.mid);
        let unsigned = |what: &str| {
            Unsigned(format!(
                "merchant {mid} {what}; run: holdfast merchant rotate-notice-key {mid}"
            ))
        };
        let merchant = book.merchants.get(mid).ok_or_else(|| {
            Unsigned(format!(
                "there is no merchant {mid}; run: holdfast merchant add {mid} --name …"
            ))
        })?;
        let settings = &merchant.notices;
        let key = settings.key().ok_or_else(|| unsigned("has no communication key"))?;
        let body = notice::form(&notice::signed(key, settings.sign_type, letter.pairs.clone()));
        let headers = match &settings.webhooks {
            None => vec![],
            Some(secret) => webhook::sign(secret, &letter.notify_id, wall, &body)
                .map_err(|_| Unsigned(format!(
                    "the webhook secret of merchant {mid} is damaged; run: holdfast merchant set {mid} --webhooks on"
                )))?
                .into(),
        };
        Ok(Signed { body, headers })
    }
}
