//! The protocol as OpenAPI 3.1, from the declarations alone: `docs/openapi.json`, and what a gateway serves.

use holdfast_domain::Moment;

use crate::{
    code::{Code, Repeat},
    field::Note,
    json::Object,
    legacy,
    message::{Bilingual, Endpoint as _, EndpointSpec, Message as _},
    messages::{ENDPOINTS, Failure, TokenAccess},
};
use doc::{Doc, list, object};
use schema::{Side, message, whole};

mod beside;
mod doc;
mod inside;
mod schema;

/// Which gateway is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// One of the test environment, which has the simulation's controls too.
    Test,
    /// A live one.
    Live,
}

/// Where a gateway is served that nobody has told otherwise; the committed document names it.
pub const SERVER: &str = "http://127.0.0.1:8080";

/// Everything that a gateway at `server` answers, asks and tells, as an OpenAPI document in JSON.
#[must_use]
pub fn openapi(server: &str, world: World) -> String {
    let mut paths = object! {};
    for endpoint in ENDPOINTS {
        for (place, path) in std::iter::once(&endpoint.path).chain(endpoint.aliases).enumerate() {
            paths = paths.with(path, endpoint_at(endpoint, place));
        }
    }
    paths = paths.with(legacy::PATH, inside::predecessor());
    paths = paths.and(beside::paths(world));
    let document = object! {
        "openapi" => "3.1.0",
        "info" => info(),
        "servers" => list![object! { "url" => server }],
        "tags" => tags(world),
        "paths" => paths,
        "webhooks" => inside::webhooks(),
        "components" => object! {
            "schemas" => schemas(),
            "requestBodies" => ENDPOINTS.iter().fold(object! {}, |all, endpoint| {
                all.with(&pascal(endpoint.name), body(endpoint))
            }),
            "responses" => responses(),
            "parameters" => form_parameters(),
            "headers" => object! { "Request-Id" => request_id() },
            "securitySchemes" => security_schemes(),
        },
    };
    // A document of texts, numbers and lists can always be written.
    serde_json::to_string_pretty(&document).map_or_else(|_| String::new(), |text| text + "\n")
}

fn info() -> Doc {
    object! {
        "title" => "Holdfast: netpay/bills",
        "version" => env!("CARGO_PKG_VERSION"),
        "license" => object! { "name" => "Apache-2.0", "identifier" => "Apache-2.0" },
        "description" => "Holds on money, captured, reversed, released and refunded: ChinaUMS' netpay/bills protocol as \
            Holdfast serves it. This document is made from the declarations by which requests are read and answers are \
            written.\n\n\
            Amounts are whole fen; times are Beijing time without an offset. In requests `null` and blank texts count as \
            absent, unknown fields are ignored, whole numbers may be strings of digits, and objects and lists may be their \
            JSON text in a string. The content type of a request is not looked at.\n\n\
            Most refusals are answered with HTTP status 200: read `errCode`. After a timeout, a lost connection, or a code \
            whose `repeat` is `after a query`, it is not known what was done: ask with `query`, and repeat the request \
            unchanged if need be.\n\n\
            银联商务 netpay/bills 协议（预授权、完成、完成撤销、撤销、退款）。本文档由解析请求与生成应答的同一份声明生成。\
            金额单位为分；时间为北京时间。请求中的 `null` 与空白文本视为未填，未知字段忽略，整数可写作数字字符串，对象与列表可写作其 JSON 文本。\
            业务失败的 HTTP 状态码多为 200，请以 `errCode` 为准。超时、断连，或错误代码要求先查询时，结果尚不明确：请先 `query`，必要时原样重发。",
    }
}

/// Under which heading an endpoint stands.
fn tag(endpoint: &EndpointSpec) -> &'static str {
    match endpoint.name {
        _ if endpoint.path.starts_with("/v1/holdfast/") => "holdfast",
        name if name.contains("qrcode") => "codes",
        name if name.starts_with("preauth") => "holds",
        name if name.starts_with("secure") || name.starts_with("sub-orders") => "guarantees",
        name if name == TokenAccess::NAME => "tokens",
        _ => "bills",
    }
}

fn tags(world: World) -> Doc {
    let all = [
        ("codes", "QR codes: made, renewed, closed, asked about 二维码"),
        ("holds", "Holds: captured, reversed, released 预授权"),
        ("bills", "Bills: asked about, refunded 账单查询与退款"),
        ("guarantees", "Guaranteed and divided payments 担保与分账"),
        ("tokens", "Access tokens 访问令牌"),
        ("holdfast", "Holdfast's own: no other gateway has them 本网关自有接口"),
        ("predecessor", "The predecessor protocol: one address, the signature in the body 旧协议"),
        ("gateway", "The gateway itself: is it well, and what does it serve 网关状态"),
        ("simulation", "The payer, the clock, the faults of a test gateway 模拟控制，仅测试环境"),
    ];
    let here = |tag: &str| match tag {
        "holdfast" => ENDPOINTS.iter().any(|endpoint| self::tag(endpoint) == tag),
        "simulation" => world == World::Test,
        _ => true,
    };
    let all = all.into_iter().filter(|(name, _)| here(name));
    Doc::List(all.map(|(name, text)| object! { "name" => name, "description" => text }).collect())
}

/// One path of an endpoint, the first or an alias: posted to, or called with everything in the query.
fn endpoint_at(endpoint: &EndpointSpec, place: usize) -> Doc {
    let suffix = if place == 0 { String::new() } else { format!("Also{place}") };
    let name = format!("{}{suffix}", camel(endpoint.name));
    let operation = |id: String| {
        object! {
            "operationId" => id,
            "tags" => list![tag(endpoint)],
            "summary" => both(endpoint.title),
            "description" => lines(endpoint.doc),
        }
    };
    let token = endpoint.name == TokenAccess::NAME;
    let post = operation(name.clone())
        .with(
            "security",
            match token {
                true => list![],
                false => list![
                    object! { "OPEN-BODY-SIG" => list![] },
                    object! { "OPEN-ACCESS-TOKEN" => list![] },
                ],
            },
        )
        .with("requestBody", Doc::component("requestBodies", &pascal(endpoint.name)))
        .with("responses", answers(endpoint));
    let path = object! { "post" => post };
    if token {
        return path;
    }
    let parameters = FORM.map(|(name, _, _)| Doc::component("parameters", name));
    let get = operation(format!("{name}ByForm"))
        .with("security", list![object! { "OPEN-FORM-PARAM" => list![] }])
        .with("parameters", Doc::List(parameters.to_vec()))
        .with("responses", answers(endpoint));
    path.with("get", get)
}

/// The body that is posted to an endpoint.
fn body(endpoint: &EndpointSpec) -> Doc {
    let token = endpoint.name == TokenAccess::NAME;
    let request = format!("{}Request", pascal(endpoint.name));
    let json = object! {
        "schema" => match token {
            true => Doc::schema(&request),
            false => object! {
                "oneOf" => list![Doc::schema(&request), envelope(&Doc::schema(&request))],
            },
        },
        "examples" => examples(endpoint),
    };
    let content = object! { "application/json" => json };
    let content = match token {
        true => content,
        false => content.with(
            "application/x-www-form-urlencoded",
            object! { "schema" => Doc::schema("FormParam") },
        ),
    };
    object! { "required" => true, "content" => content }
}

/// Whole requests: as little as is taken, and everything that has an example.
fn examples(endpoint: &EndpointSpec) -> Doc {
    let least = whole(endpoint.request, |field| field.required);
    let all = whole(endpoint.request, |field| field.required || field.example.is_some());
    let sealed = object! { "data" => least.clone() };
    let one = |en: &str, value: Doc| object! { "summary" => en, "value" => value };
    let examples = object! { "least" => one("As little as is taken 最少字段", least) };
    let examples = examples.with("all", one("Every field that has an example 全部示例字段", all));
    match endpoint.name == TokenAccess::NAME {
        true => examples,
        false => {
            examples.with("enveloped", one("As some SDKs wrap it 部分 SDK 的 data 封装", sealed))
        }
    }
}

/// A request in the `data` envelope of some SDKs. One with a `mid` of its own is none.
fn envelope(request: &Doc) -> Doc {
    object! {
        "type" => "object",
        "description" => "The same in the envelope of some SDKs; the answer then lies in `data` too.\n部分 SDK 的 data 封装，应答亦然。",
        "required" => list!["data"],
        "properties" => object! { "data" => object! { "allOf" => list![request.clone()], "type" => "object" } },
        "not" => object! { "required" => list!["mid"] },
    }
}

/// Everything that can be answered, by HTTP status.
fn answers(endpoint: &EndpointSpec) -> Doc {
    statuses(object! { "200" => Doc::component("responses", &pascal(endpoint.name)) })
}

/// What is answered with status 200: that it was done, or why not.
fn answer(endpoint: &EndpointSpec) -> Doc {
    let answer = Doc::schema(&format!("{}Answer", pascal(endpoint.name)));
    let done = whole(endpoint.response, |field| field.required || field.example.is_some());
    let mut choices = vec![answer.clone(), Doc::schema("Failure")];
    if endpoint.name != TokenAccess::NAME {
        choices.push(object! {
            "allOf" => list![
                Doc::schema("Sealed"),
                object! { "properties" => object! {
                    "data" => object! { "oneOf" => list![answer, Doc::schema("Failure")] },
                } },
            ],
        });
    }
    object! {
        "description" => lines(endpoint.response_doc),
        "headers" => headers(),
        "content" => object! { "application/json" => object! {
            "schema" => object! { "oneOf" => choices },
            "examples" => object! {
                "done" => object! { "summary" => "It was done 成功", "value" => done },
                "refused" => object! { "summary" => "It was refused 业务失败", "value" => refusal() },
            },
        } },
    }
}

/// A refusal as it may occur.
fn refusal() -> Doc {
    failure_said(&Failure::new(Code::NoOrder, Moment(1_689_742_583_000), note(Code::NoOrder)))
}

fn failure_said(failure: &Failure) -> Doc {
    let said = failure.encode();
    Object::parse(&said).map_or(Doc::Null, |object| Doc::from(&crate::json::Json::Object(object)))
}

fn note(code: Code) -> Note {
    let spec = code.spec();
    Note::new(&format!("{} | {}", spec.text.zh, spec.text.en))
}

/// Adds the answers that every path of the protocol has beside its own.
fn statuses(own: Doc) -> Doc {
    STATUSES.iter().fold(own, |all, (status, _)| {
        let status = status.to_string();
        let response = Doc::component("responses", &format!("Status{status}"));
        all.with(&status, response)
    })
}

/// Adds the answers of the server itself to bytes that are not HTTP or too long for it, wherever they are sent.
fn servers_own(own: Doc) -> Doc {
    [400, 414, 431].iter().fold(own, |all, status| {
        let response = Doc::component("responses", &format!("Status{status}"));
        all.with(&status.to_string(), response)
    })
}

/// Every HTTP status of a refusal on a path that is served, and when it is answered although no code says so.
/// Unknown paths are answered with 404 and `NO_SERVICE`.
const STATUSES: &[(u16, Option<&str>)] = &[
    (400, Some("The bytes are not HTTP; no body. 报文不符合 HTTP，无应答体。")),
    (401, None),
    (403, None),
    (405, Some("Another method than POST, or GET without a form in the query. 请求方法不被支持。")),
    (408, Some("The body did not come in time. 请求体未及时到达。")),
    (412, None),
    (413, Some("The body is larger than 65536 bytes. 请求体超过 65536 字节。")),
    (414, Some("The address is too long; no body. 请求地址过长，无应答体。")),
    (431, Some("The headers are too many or too long; no body. 请求头过多或过长，无应答体。")),
    (500, None),
    (503, None),
];

/// The code with which a status is answered that is no code's own.
fn borrowed(status: u16) -> Option<Code> {
    match status {
        405 => Some(Code::NoService),
        408 | 413 => Some(Code::BadRequest),
        _ => None,
    }
}

fn responses() -> Doc {
    let own = ENDPOINTS
        .iter()
        .fold(object! {}, |all, endpoint| all.with(&pascal(endpoint.name), answer(endpoint)));
    STATUSES.iter().fold(own, |all, (status, why)| {
        let own = Code::ALL.iter().copied().filter(|code| code.status() == *status);
        let codes: Vec<Code> = own.chain(borrowed(*status)).collect();
        let meant = codes.iter().map(|code| format!("`{code}`: {}", both(code.spec().text)));
        let text = why.map_or_else(|| meant.collect::<Vec<_>>().join("\n"), str::to_owned);
        let response = object! { "description" => text };
        let response = match codes.first() {
            None => response,
            Some(first) => response.with("headers", headers()).with(
                "content",
                object! { "application/json" => object! {
                    "schema" => coded(&codes),
                    "example" => failure_said(
                        &Failure::new(*first, Moment(1_689_742_583_000), note(*first)),
                    ),
                } },
            ),
        };
        all.with(&format!("Status{status}"), response)
    })
}

/// A failure with one of these codes. One that happens after the request was read lies in the envelope if that did.
fn coded(codes: &[Code]) -> Doc {
    let names: Vec<&str> = codes.iter().map(|code| code.name()).collect();
    let named = object! { "properties" => object! { "errCode" => object! { "enum" => names } } };
    let bare = object! { "allOf" => list![Doc::schema("Failure"), named.clone()] };
    match codes.iter().any(|code| code.status() >= 500) {
        false => bare,
        true => object! {
            "oneOf" => list![bare, object! { "allOf" => list![Doc::schema("Sealed"), named] }],
        },
    }
}

fn headers() -> Doc {
    object! { "Request-Id" => Doc::component("headers", "Request-Id") }
}

fn request_id() -> Doc {
    object! {
        "description" => "The request's number in this gateway's log.\n请求在网关日志中的编号。",
        "required" => true,
        "schema" => object! { "type" => "string", "pattern" => "^[0-9a-f]+-[0-9]+$" },
    }
}

fn schemas() -> Doc {
    let mut all = object! {};
    for endpoint in ENDPOINTS {
        let name = pascal(endpoint.name);
        let request = message(endpoint.request, Side::Asked);
        let answer = message(endpoint.response, Side::Told);
        all = all
            .with(&format!("{name}Request"), described(endpoint.doc, request))
            .with(&format!("{name}Answer"), described(endpoint.response_doc, answer));
    }
    all.with("Failure", failure())
        .with("ErrorCode", error_code())
        .with("Sealed", sealed())
        .with("FormParam", form_param())
        .and(inside::schemas())
}

fn failure() -> Doc {
    // What every failure says is known from one that says as little as possible.
    let least = Failure::new(Code::BadRequest, Moment(0), note(Code::BadRequest)).encode();
    let least = Object::parse(&least).unwrap_or_default();
    let always: Vec<&str> = least.fields().map(|(name, _)| name).collect();
    let properties = Failure::FIELDS.iter().fold(object! {}, |all, field| {
        let one = message(std::slice::from_ref(field), Side::Told);
        match (field.name, one.field("properties").and_then(|all| all.field(field.name))) {
            ("errCode", _) => all.with("errCode", Doc::schema("ErrorCode")),
            (name, Some(property)) => all.with(name, property.clone()),
            (_, None) => all,
        }
    });
    let signed = object! {
        "type" => "object",
        "description" => "In the test environment, when a signature is wrong: what was signed, and which mistakes give the signature that came.\n仅测试环境：签名错误时给出实际签名内容与可能的错误。",
    };
    described(
        Failure::DOC,
        object! {
            "type" => "object",
            "required" => always,
            "properties" => properties.with("signed", signed),
        },
    )
}

/// Every code but that of success, and what there is to know about it.
fn error_code() -> Doc {
    let codes = || Code::ALL.iter().filter(|code| **code != Code::Success).map(|code| code.spec());
    let texts = codes().map(|code| both(code.text)).collect::<Vec<_>>();
    let known = codes().fold(object! {}, |all, code| {
        let about = object! {
            "status" => u64::from(code.status),
            "fault" => both(code.fault.text()),
            "repeat" => both(code.repeat.text()),
            "outcomeKnown" => code.repeat != Repeat::AfterQuery,
            "text" => two(code.text),
            "advice" => two(code.advice),
        };
        all.with(code.name, about)
    });
    object! {
        "type" => "string",
        "description" => "Why a request is not answered with success. `x-codes` says of each code with which HTTP status it is answered, whose fault it is, whether the same request may be repeated, and what to do.\n错误代码；`x-codes` 列出各代码的 HTTP 状态码、责任方、能否重发与处理建议。",
        "enum" => codes().map(|code| code.name).collect::<Vec<_>>(),
        "x-enum-descriptions" => texts,
        "x-codes" => known,
    }
}

/// The answer to a request that came in an envelope.
fn sealed() -> Doc {
    let text = || object! { "type" => "string", "maxLength" => Note::MAX };
    let names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    let code = || object! { "type" => "string", "enum" => names.clone() };
    object! {
        "type" => "object",
        "description" => "The answer to a request in an envelope: the ordinary answer is in `data`.\n对 data 封装请求的应答，实际应答位于 `data`。",
        "required" => list!["errCode", "errInfo", "resultCode", "resultInfo", "data"],
        "properties" => object! {
            "errCode" => code(),
            "errInfo" => text(),
            "resultCode" => code(),
            "resultInfo" => text(),
            "data" => object! { "type" => "object" },
        },
    }
}

/// The parameters of a request that carries everything in a form, beside `authorization`: name, pattern, meaning.
const FORM: [(&str, &str, &str); 5] = [
    ("appId", "^[!-~]{1,64}$", "The app. 开发者 ID。"),
    (
        "timestamp",
        "^[0-9]{14}$",
        "When it was signed: yyyyMMddHHmmss in Beijing. 签名时间（北京时间）。",
    ),
    ("nonce", "^[^\"]{1,128}$", "A text that the app uses once. 随机数，仅可使用一次。"),
    (
        "content",
        "^[\\s\\S]+$",
        "The request's JSON: what is signed. 请求的 JSON 报文，即被签名的内容。",
    ),
    (
        "signature",
        "^[^\"]{1,256}$",
        "As under OPEN-BODY-SIG, over `content`. 签名方法同 OPEN-BODY-SIG，对象为 content。",
    ),
];

fn form_parameters() -> Doc {
    FORM.iter().fold(object! {}, |all, (name, pattern, text)| {
        all.with(
            name,
            object! {
                "name" => *name,
                "in" => "query",
                "required" => true,
                "description" => *text,
                "schema" => object! { "type" => "string", "pattern" => *pattern },
            },
        )
    })
}

fn form_param() -> Doc {
    let properties = FORM.iter().fold(
        object! { "authorization" => object! { "type" => "string", "const" => "OPEN-FORM-PARAM" } },
        |all, (name, pattern, text)| {
            all.with(
                name,
                object! { "type" => "string", "pattern" => *pattern, "description" => *text },
            )
        },
    );
    let names = std::iter::once("authorization").chain(FORM.iter().map(|(name, _, _)| *name));
    object! {
        "type" => "object",
        "description" => "A request that carries its proof along; there is no Authorization header then.\n表单方式：签名随表单提交，无 Authorization 请求头。",
        "required" => names.collect::<Vec<_>>(),
        "properties" => properties,
    }
}

fn security_schemes() -> Doc {
    let header = |text: &str| {
        object! { "type" => "apiKey", "in" => "header", "name" => "Authorization", "description" => text }
    };
    object! {
        "OPEN-BODY-SIG" => header(
            "`OPEN-BODY-SIG AppId=\"…\",Timestamp=\"…\",Nonce=\"…\",Signature=\"…\"`. Timestamp is yyyyMMddHHmmss in Beijing; a \
             Nonce is used once. Signature is Base64 of HMAC-SHA256 with the AppKey over AppId + Timestamp + Nonce + the \
             lower-case hexadecimal SHA-256 of the body exactly as it is sent.\n\
             Signature = Base64(HMAC-SHA256(AppKey, AppId + Timestamp + Nonce + 小写十六进制 SHA-256(实际发送的请求体)))。",
        ),
        "OPEN-ACCESS-TOKEN" => header(
            "`OPEN-ACCESS-TOKEN AccessToken=\"…\"`, with a token from `/v1/token/access` that is good for an hour.\n\
             先通过 /v1/token/access 获取令牌，有效期一小时。",
        ),
        "OPEN-FORM-PARAM" => object! {
            "type" => "apiKey",
            "in" => "query",
            "name" => "authorization",
            "description" => "The word `OPEN-FORM-PARAM`; appId, timestamp, nonce, content and signature stand beside it, signed as \
                under OPEN-BODY-SIG with `content` for the body. For requests that a browser is sent with.\n\
                取值固定为 OPEN-FORM-PARAM，与 appId、timestamp、nonce、content、signature 一同提交，适用于浏览器跳转。",
        },
    }
}

fn described(text: Bilingual, schema: Doc) -> Doc {
    object! { "description" => lines(text) }.and(schema)
}

fn two(text: Bilingual) -> Doc {
    object! { "en" => text.en, "zh" => text.zh }
}

fn both(text: Bilingual) -> String {
    format!("{} {}", text.en, text.zh)
}

fn lines(text: Bilingual) -> String {
    format!("{}\n{}", text.en, text.zh)
}

/// `get-qrcode` as `GetQrcode`.
fn pascal(name: &str) -> String {
    name.split('-').map(capital).collect()
}

/// `get-qrcode` as `getQrcode`.
fn camel(name: &str) -> String {
    let (first, rest) = name.split_once('-').unwrap_or((name, ""));
    format!("{first}{}", pascal(rest))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
