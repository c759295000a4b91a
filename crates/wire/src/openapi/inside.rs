//! Messages whose signature lies among their fields: the predecessor protocol's, and what merchants are told and
//! asked.

use super::{
    described,
    doc::{Doc, list, object},
    headers, lines, pascal,
    schema::{Side, message, whole},
    statuses,
};
use crate::{
    field::SignType,
    message::{FieldSpec, Message as _},
    messages::{AmountTold, AskAmount, ENDPOINTS, Notice},
    notice, webhook,
};

/// The address of the predecessor protocol.
pub(super) fn predecessor() -> Doc {
    let named = || ENDPOINTS.iter().filter_map(|one| Some((one, one.msg_type?)));
    let beside = |msg_type: &str| {
        object! {
            "msgType" => object! { "type" => "string", "const" => msg_type },
            "msgSrc" => object! { "type" => "string", "description" => "Who asks: the message source of an app.\n消息来源。" },
            notice::SIGN => sign_schema(),
            notice::SIGN_TYPE => sign_type(),
        }
    };
    let asked = named().map(|(endpoint, msg_type)| {
        object! {
            "title" => msg_type,
            "type" => "object",
            "allOf" => list![Doc::schema(&format!("{}Request", pascal(endpoint.name)))],
            "required" => list!["msgType", "msgSrc", "mid", notice::SIGN],
            "properties" => beside(msg_type),
        }
    });
    let told = named().map(|(endpoint, msg_type)| {
        object! {
            "title" => msg_type,
            "type" => "object",
            "allOf" => list![Doc::schema(&format!("{}Answer", pascal(endpoint.name)))],
            "required" => list!["msgType", "msgSrc", notice::SIGN],
            "properties" => beside(msg_type),
        }
    });
    let told = told.chain([Doc::schema("Failure")]).collect::<Vec<_>>();
    let example =
        named().find(|(endpoint, _)| endpoint.name == "query").map(|(endpoint, msg_type)| {
            whole(endpoint.request, |field| field.required)
                .with("msgType", msg_type)
                .with("msgSrc", "WWW.TEST.COM")
                .with(notice::SIGN, "0".repeat(32))
        });
    let json = object! { "schema" => object! { "oneOf" => asked.collect::<Vec<_>>() } };
    let json = example.into_iter().fold(json, |json, example| json.with("example", example));
    let ok = object! {
        "description" => "What was done, or why not. Refusals are answered with status 200 throughout; an answer is signed for whoever proved to have the key.\n处理结果；业务失败与验签失败均为 200，仅对验签通过的请求签名应答。",
        "headers" => headers(),
        "content" => object! { "application/json" => object! { "schema" => object! { "anyOf" => told } } },
    };
    object! {
        "post" => object! {
            "operationId" => "predecessor",
            "tags" => list!["predecessor"],
            "summary" => "Any request of the predecessor protocol 旧协议统一入口",
            "description" => "`msgType` says which endpoint is meant, `msgSrc` who asks, and `sign` lies in the body: the fields except `sign` and those without a value, sorted by name, joined as `name=value` with `&`, with the communication key of `mid` behind them; its MD5, or SHA-256 with `signType`, in hexadecimal digits. The slash at the end may be missing.\n\n由 `msgType` 选择接口，`msgSrc` 标识调用方，`sign` 位于报文中：除 `sign` 与空值外的字段按名称升序以 `&` 连接各 `名=值`，末尾拼接 `mid` 的通讯密钥，取 MD5（或 `signType` 指定的 SHA-256）的十六进制。末尾斜杠可省略。",
            "security" => list![],
            "requestBody" => object! { "required" => true, "content" => object! { "application/json" => json } },
            "responses" => statuses(object! { "200" => ok }),
        },
    }
}

/// The schemas of what merchants are told and asked.
pub(super) fn schemas() -> Doc {
    object! {
        "Notice" => described(Notice::DOC, signed(message(Notice::FIELDS, Side::Told))),
        "AskAmount" => described(AskAmount::DOC, signed(all_texts(AskAmount::FIELDS))),
        "AmountTold" => described(AmountTold::DOC, message(AmountTold::FIELDS, Side::Asked)),
    }
}

/// What merchants are told and asked.
pub(super) fn webhooks() -> Doc {
    let header = |name: &str, text: &str| {
        object! {
            "name" => name, "in" => "header", "required" => false, "description" => text,
            "schema" => object! { "type" => "string" },
        }
    };
    let notice_example = whole(Notice::FIELDS, |field| field.required || field.example.is_some())
        .with("gY", "Snwz")
        .with(notice::SIGN, "0".repeat(32));
    let word = |word: &str| object! { "type" => "string", "const" => word };
    object! {
        "notice" => object! { "post" => object! {
            "operationId" => "noticeTold",
            "summary" => "A bill was paid, or what else a merchant asked to be told of 支付结果通知",
            "description" => "Posted to the bill's `notifyUrl` or the merchant's own address, again and again until it is answered. To check `sign`: take all pairs as received and decoded, except `sign` and those without a value; sort them by name in ASCII order; join them as `name=value` with `&`; append the communication key; the digest (MD5, or SHA-256 with `signType`) in upper-case hexadecimal digits is `sign`. One pair has a random name of two letters, so sort what came, not what you know. Compare `billStatus` and amounts with your own records, and take a `notifyId` once.\n\n通知会重发直至应答成功。验签：取收到并解码后的全部参数（含随机参数），去掉 `sign` 与空值，按参数名 ASCII 升序以 `&` 连接各 `名=值`，末尾直接拼接通讯密钥，取摘要（MD5，或 `signType` 指定的 SHA-256）的大写十六进制即为 `sign`。同一 `notifyId` 只处理一次。",
            "parameters" => list![
                header(webhook::ID, "For merchants with Standard Webhooks switched on: the notice's number. 启用 Standard Webhooks 的商户：通知编号。"),
                header(webhook::TIMESTAMP, "When this try was made, in seconds since 1970. 本次发送时间（秒）。"),
                header(webhook::SIGNATURE, "`v1,` and Base64 of HMAC-SHA256 over `id.timestamp.body`. 第二签名。"),
            ],
            "requestBody" => object! { "required" => true, "content" => object! {
                "application/x-www-form-urlencoded" => object! {
                    "schema" => Doc::schema("Notice"), "example" => notice_example,
                },
            } },
            "responses" => object! {
                "200" => object! {
                    "description" => "Taken: any status from 200 to 299 with the word in the body. 已收到：2xx 且正文包含该词。",
                    "content" => object! { "text/plain" => object! {
                        "schema" => word(notice::DONE), "example" => notice::DONE,
                    } },
                },
                "default" => object! {
                    "description" => "Not taken: the notice comes again later, with the same `notifyId`. 未收到：将以相同的 notifyId 重发。",
                },
            },
        } },
        "askAmount" => object! { "post" => object! {
            "operationId" => "askAmount",
            "summary" => "How much is to be paid with a fixed code 固定码支付要素查询",
            "description" => format!("{}\n\nPosted to the code's `payInfoQueryAddr`, signed as a notice is; every value is a text. 以 JSON 形式 POST 至 `payInfoQueryAddr`，签名方法与通知相同，各值均为字符串。", lines(AskAmount::DOC)),
            "requestBody" => object! { "required" => true, "content" => object! { "application/json" => object! {
                "schema" => Doc::schema("AskAmount"),
                "example" => whole(AskAmount::FIELDS, |field| field.required).with(notice::SIGN, "0".repeat(32)),
            } } },
            "responses" => object! {
                "200" => object! {
                    "description" => lines(AmountTold::DOC),
                    "content" => object! { "application/json" => object! {
                        "schema" => Doc::schema("AmountTold"),
                        "example" => whole(AmountTold::FIELDS, |field| field.required || field.example.is_some()),
                    } },
                },
                "default" => object! { "description" => "No bill is made. 不创建账单。" },
            },
        } },
    }
}

/// A message whose values are all texts.
fn all_texts(fields: &[FieldSpec]) -> Doc {
    let properties = fields.iter().fold(object! {}, |all, field| {
        let text = object! { "type" => "string", "description" => lines(field.doc) };
        all.with(field.name, text)
    });
    let required = fields.iter().filter(|field| field.required).map(|field| field.name);
    object! { "type" => "object", "required" => required.collect::<Vec<_>>(), "properties" => properties }
}

/// The same message with the signature that lies beside its fields.
fn signed(schema: Doc) -> Doc {
    let Doc::Object(fields) = schema else { return schema };
    let add = |(name, value): (String, Doc)| match (name.as_str(), value) {
        ("required", Doc::List(mut names)) => {
            names.push(Doc::from(notice::SIGN));
            (name, Doc::List(names))
        }
        ("properties", all) => {
            (name, all.with(notice::SIGN, sign_schema()).with(notice::SIGN_TYPE, sign_type()))
        }
        (_, value) => (name, value),
    };
    Doc::Object(fields.into_iter().map(add).collect())
}

fn sign_schema() -> Doc {
    object! {
        "type" => "string",
        "pattern" => "^(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{64})$",
        "description" => "The digest of the other fields and the communication key, in hexadecimal digits.\n签名：其余字段与通讯密钥的摘要（十六进制）。",
    }
}

fn sign_type() -> Doc {
    object! {
        "type" => "string",
        "enum" => SignType::WORDS.to_vec(),
        "description" => "The digest under the signature; MD5 when absent.\n摘要算法，缺省为 MD5。",
    }
}
