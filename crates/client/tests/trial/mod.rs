// A gateway for examples and tests to talk to: the real one, in memory, on a thread of its own. Included by doc
// tests too, so it names everything in full and has no attributes of a file.

use std::{sync::mpsc, thread::JoinHandle};

use holdfast_gateway::{
    ConsoleFiles, Parts, clock::Dice, config::Config, notices::outbox::MemoryOutbox,
    store::MemoryStore, vault::Vault,
};

/// A gateway that runs until it is dropped. It has the merchant of the official page.
pub(crate) struct Gateway {
    base_url: String,
    notice_key: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

const APP: &str = "trial-app";
const KEY: &str = "a key that only this trial knows";
const MID: &str = "898201612345678";
const TID: &str = "88880001";
/// The date of every bill.
const DATE: &str = "2023-07-19";

#[allow(dead_code, reason = "each example uses a part")]
impl Gateway {
    pub(crate) fn start() -> Self {
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(serve(tell, stopped));
        });
        let (base_url, notice_key) = told.recv().unwrap();
        Self { base_url, notice_key, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    pub(crate) fn app_id(&self) -> holdfast_client::AppId {
        holdfast_client::AppId::parse(APP).unwrap()
    }

    pub(crate) fn app_key(&self) -> holdfast_client::AppKey {
        holdfast_client::AppKey::parse(KEY).unwrap()
    }

    pub(crate) fn notice_key(&self) -> holdfast_client::notice::NoticeKey {
        holdfast_client::notice::NoticeKey::parse(&self.notice_key).unwrap()
    }

    /// Makes a hold of so many fen, lets the payer confirm it, and answers the code of the hold.
    pub(crate) fn hold(&self, bill: &str, fen: u64) -> String {
        self.make(bill, fen, None)
    }

    /// The same, of which an address is told.
    pub(crate) fn announced_hold(&self, bill: &str, fen: u64, address: &str) -> String {
        self.make(bill, fen, Some(address))
    }

    /// Makes a hold and captures all of it under `order`.
    pub(crate) fn captured(&self, bill: &str, fen: u64, order: &str) -> String {
        let auth = self.hold(bill, fen);
        let body = format!(
            r#"{{{},"billNo":"{bill}","billDate":"{DATE}","authedOrderId":"{order}","authIdRespCd":"{auth}","totalAmount":{fen}}}"#,
            common()
        );
        let done = self.ask(move |client| async move {
            client.call_raw("/v1/netpay/bills/preauthed", body.as_bytes()).await.unwrap()
        });
        assert!(done.outcome().is_ok(), "{}", String::from_utf8_lossy(&done.body));
        auth
    }

    fn make(&self, bill: &str, fen: u64, told: Option<&str>) -> String {
        let told = told.map_or(String::new(), |told| format!(r#","notifyUrl":"{told}""#));
        let body = format!(
            r#"{{{},"billNo":"{bill}","billDate":"{DATE}","totalAmount":{fen},"preauthTransaction":"true"{told}}}"#,
            common()
        );
        let base = self.base_url.clone();
        self.ask(move |client| async move {
            let made = client.call_raw("/v1/netpay/bills/get-qrcode", body.as_bytes()).await;
            let made: serde_json::Value = serde_json::from_slice(&made.unwrap().body).unwrap();
            let url = format!(
                "{base}/sim/payer/{}/confirm",
                made["qrCodeId"].as_str().unwrap_or_else(|| panic!("{made}"))
            );
            let pay = holdfast_client::Sent::unsigned("POST", url, b"{}".to_vec());
            let seen = client.send(pay).await.unwrap();
            let seen: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
            seen["authIdRespCd"].as_str().unwrap_or_else(|| panic!("{seen}")).to_owned()
        })
    }

    /// Does something as the merchant, wherever the caller runs.
    fn ask<T: Send, F: std::future::Future<Output = T>>(
        &self,
        work: impl FnOnce(holdfast_client::Client) -> F + Send,
    ) -> T {
        let builder = holdfast_client::Client::builder().base_url(self.base_url());
        let client = builder.credentials(self.app_id(), self.app_key()).build().unwrap();
        std::thread::scope(|scope| {
            let work = scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(work(client))
            });
            work.join().unwrap()
        })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn common() -> String {
    format!(
        r#""requestTimestamp":"2026-03-02 10:00:00","mid":"{MID}","tid":"{TID}","instMid":"QRPAYDEFAULT""#
    )
}

async fn serve(tell: mpsc::Sender<(String, String)>, stopped: tokio::sync::oneshot::Receiver<()>) {
    let listen = ("listen".to_owned(), "127.0.0.1:0".to_owned());
    let config = Config::read(None, [], [listen]).unwrap();
    let dice = Dice::seeded(1);
    let parts = Parts {
        store: std::sync::Arc::new(MemoryStore::new()),
        outbox: std::sync::Arc::new(MemoryOutbox::new()),
        console: ConsoleFiles::in_memory(),
        vault: std::sync::Arc::new(Vault::throw_away(&dice)),
        clock: None,
        dice: Dice::seeded(2),
    };
    let running = holdfast_gateway::start(&config, parts).await.unwrap();
    let mid = holdfast_client::Mid::parse(MID).unwrap();
    let name = holdfast_client::Text::parse("湖畔酒店").unwrap();
    running.accounts.add_merchant(&mid, &name).await.unwrap();
    let key = Some(holdfast_client::AppKey::parse(KEY).unwrap());
    running.accounts.add_app(Some(APP), key, std::slice::from_ref(&mid), &[], &dice).await.unwrap();
    let notice_key = "a communication key that only this trial knows";
    let key = holdfast_client::notice::NoticeKey::parse(notice_key).unwrap();
    running
        .accounts
        .rotate_notice_key(&mid, Some(key), 0, &running.core.clock, &dice)
        .await
        .unwrap();
    tell.send((format!("http://{}", running.address), notice_key.to_owned())).unwrap();
    let _ = stopped.await;
    running.stop().await;
}
