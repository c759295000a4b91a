//! What merchants send and are answered, live: in the test environment only, masked, from memory.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    response::Response,
    routing::get,
};
use holdfast_domain::BillKey;
use hyper::StatusCode;

use super::{Console, Seat, seat::Frame};
use crate::{
    limits,
    request::RequestId,
    traffic::{Exchange, Told, Traffic, Verdict},
};

/// The pages of a test gateway; a live one has none.
pub(super) fn routes(traffic: Option<&Arc<Traffic>>) -> Router<Arc<Console>> {
    match traffic {
        Some(_) => Router::new().route("/traffic", get(list)).route("/traffic/{id}", get(show)),
        None => Router::new(),
    }
}

/// What is looked for.
#[derive(Default)]
struct Wanted {
    app: String,
    mid: String,
    path: String,
    id: String,
    failed: bool,
    /// Only exchanges that were answered before this one.
    before: Option<RequestId>,
    /// What is wrong with the request id.
    wrong_id: bool,
}

impl Wanted {
    fn of(query: &BTreeMap<String, String>) -> Self {
        let text = |name: &str| -> String {
            query.get(name).map(|text| text.trim().chars().take(64).collect()).unwrap_or_default()
        };
        let id = text("id");
        Self {
            app: text("app"),
            mid: text("mid"),
            path: text("path"),
            failed: query.contains_key("failed"),
            before: RequestId::parse(&text("before")),
            wrong_id: !id.is_empty() && RequestId::parse(&id).is_none(),
            id,
        }
    }

    fn is_any(&self) -> bool {
        let texts = [&self.app, &self.mid, &self.path, &self.id];
        !self.failed && texts.iter().all(|text| text.is_empty())
    }

    fn takes(&self, exchange: &Exchange) -> bool {
        let told = exchange.told();
        let is = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        is(&self.app, &told.app)
            && is(&self.mid, &told.mid)
            && exchange.path().contains(&self.path)
            && (self.id.is_empty() || self.id == exchange.id.to_string())
            && (!self.failed || exchange.failed())
    }

    /// The same question, as the query of an address.
    fn query(&self) -> String {
        let mut query = String::new();
        let pairs =
            [("app", &self.app), ("mid", &self.mid), ("path", &self.path), ("id", &self.id)];
        for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            query.push_str(&format!("{name}={}&", crate::pages::in_address(value)));
        }
        if self.failed {
            query.push_str("failed=1&");
        }
        query
    }
}

#[derive(Template)]
#[template(path = "console/traffic.html")]
struct List<'a> {
    page: &'a Frame,
    wanted: &'a Wanted,
    found: Vec<Arc<Exchange>>,
    /// Where older ones begin.
    older: Option<RequestId>,
}

async fn list(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let wanted = Wanted::of(&query);
    let all = console.api.traffic().map(|traffic| traffic.newest()).unwrap_or_default();
    let behind = all.into_iter().skip_while(|exchange| {
        // What has left memory is older than all that is there.
        wanted.before.is_some_and(|before| exchange.id.number >= before.number)
    });
    let mut found = behind.filter(|exchange| wanted.takes(exchange));
    let page: Vec<_> = found.by_ref().take(limits::TRAFFIC_PAGE).collect();
    let older = found.next().and(page.last()).map(|last| last.id);
    let status = if wanted.wrong_id { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let list = List { page: &seat.page, wanted: &wanted, found: page, older };
    seat.page.answer(status, &list)
}

#[derive(Template)]
#[template(path = "console/exchange.html")]
struct Show<'a> {
    page: &'a Frame,
    exchange: &'a Exchange,
    told: &'a Told,
    /// Where the answer's code is explained.
    explained: Option<String>,
}

async fn show(seat: Seat, State(console): State<Arc<Console>>, Path(id): Path<String>) -> Response {
    let found = RequestId::parse(&id).zip(console.api.traffic());
    let Some(exchange) = found.and_then(|(id, traffic)| traffic.find(id)) else {
        return seat.told(
            StatusCode::NOT_FOUND,
            seat.page.t("This request is not kept any more", "该请求已不在内存中"),
            seat.page.t(
                "Only the last requests of this run are kept, in memory.",
                "仅在内存中保留本次运行的最近请求。",
            ),
        );
    };
    let told = exchange.told();
    let explained = (exchange.failed() && !told.code.is_empty()).then(|| {
        format!("{}/errors/{}", console.api.public_url(), crate::pages::in_address(&told.code))
    });
    let show = Show { page: &seat.page, exchange: &exchange, told, explained };
    seat.page.answer(StatusCode::OK, &show)
}

impl Frame {
    /// What became of the proof of who asks: how it is marked, and what it is called.
    fn verdict(&self, verdict: Verdict) -> (&'static str, &str) {
        match verdict {
            Verdict::Unchecked => ("", self.t("not checked", "未验签")),
            Verdict::Missing => ("bad", self.t("no signature", "无签名")),
            Verdict::Unreadable => ("bad", self.t("unreadable", "签名无法解析")),
            Verdict::Right => ("good", self.t("signature right", "签名正确")),
            Verdict::Wrong => ("bad", self.t("signature wrong", "签名错误")),
            Verdict::Token => ("good", self.t("token good", "令牌有效")),
            Verdict::WrongToken => ("bad", self.t("token refused", "令牌无效")),
        }
    }

    /// How long something took, as people read it.
    fn took(&self, took: &std::time::Duration) -> String {
        let micros = took.as_micros();
        let (ms, rest) = (micros.div_euclid(1_000), micros.rem_euclid(1_000).div_euclid(100));
        let unit = self.t("ms", "毫秒");
        if ms < 10 { format!("{ms}.{rest} {unit}") } else { format!("{ms} {unit}") }
    }

    /// The tone of an HTTP status.
    fn status_tone(&self, exchange: &Exchange) -> &'static str {
        if exchange.failed() { "bad" } else { "good" }
    }

    /// The address of a bill's page.
    pub(super) fn bill_path(&self, bill: &BillKey) -> String {
        format!("/bills/{}/{}/{}", bill.mid, bill.date, bill.no)
    }

    /// The name of a piece of what was signed.
    fn piece<'a>(&'a self, name: &'a str) -> &'a str {
        match name {
            "appId" => self.t("app", "应用"),
            "timestamp" => self.t("timestamp", "时间戳"),
            "nonce" => self.t("nonce", "随机数"),
            "bodyBytes" => self.t("bytes of the body", "报文字节数"),
            "bodyHash" => self.t("digest of the body", "报文摘要"),
            "text" => self.t("text to sign", "待签名串"),
            other => other,
        }
    }
}
