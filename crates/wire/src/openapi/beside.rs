//! What a gateway serves beside the protocol: whether it is well, this document, and in the test environment the
//! simulation's controls.

use super::{
    World,
    doc::{Doc, list, object},
    schema::{Side, message},
    servers_own,
};
use crate::{code::Code, explain, message::Message as _, messages::Failure};

/// Those paths.
pub(super) fn paths(world: World) -> Doc {
    let paths = object! {
        "/healthz" => object! { "get" => operation("gateway", "healthz",
            "Whether the process answers 进程是否存活",
            object! { "200" => text("It does. 存活。", "ok\n") }) },
        "/readyz" => object! { "get" => operation("gateway", "readyz",
            "Whether the gateway can do its work 是否可提供服务",
            object! {
                "200" => text("Its store writes. 可用。", "ready\n"),
                "503" => text(
                    "Its store does not write. 存储不可写。",
                    "not ready: the store does not write; see the log\n",
                ),
            }) },
        "/openapi.json" => object! { "get" => operation("gateway", "openapi",
            "This document 本文档",
            object! {
                "200" => object! {
                    "description" => "The document. 文档。",
                    "headers" => object! { "ETag" => etag() },
                    "content" => object! { "application/json" => object! {
                        "schema" => object! { "type" => "object", "required" => list!["openapi", "paths"] },
                    } },
                },
                "304" => object! {
                    "description" => "It is still the one that `If-None-Match` names. 未变化。",
                    "headers" => object! { "ETag" => etag() },
                },
            })
            .with("parameters", list![object! {
                "name" => "If-None-Match",
                "in" => "header",
                "required" => false,
                "description" => "The `ETag` of a document that the caller has. 调用方已有文档的 ETag。",
                "schema" => object! { "type" => "string", "pattern" => "^\"[0-9a-f]+\"$" },
            }]) },
    };
    let paths = paths.and(pages());
    match world {
        World::Test => paths.and(controls()),
        World::Live => paths,
    }
}

/// The pages that say what error codes mean, in the form that whoever asks can read best.
fn pages() -> Doc {
    let page = |text: &str| {
        let kinds = ["text/html", "text/markdown", "text/plain"];
        let content = kinds.iter().fold(object! {}, |all, kind| {
            all.with(kind, object! { "schema" => object! { "type" => "string" } })
        });
        object! { "description" => text, "content" => content }
    };
    let all = operation(
        "gateway",
        "errors",
        "Every error code 错误代码一览",
        object! { "200" => page("The list. 列表。") },
    );
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    let one = operation(
        "gateway",
        "error",
        "What an error code means, and what to do 错误代码说明",
        object! {
            "200" => page("The page. 说明。"),
            "400" => text("The address is not UTF-8. 地址不是 UTF-8。", "Invalid URL"),
            "404" => page("There is no such code. 没有该错误代码。"),
        },
    );
    let one = one.with(
        "parameters",
        list![object! {
            "name" => "code", "in" => "path", "required" => true,
            "description" => "The code: `errCode`. 错误代码。",
            "schema" => object! { "type" => "string", "enum" => codes },
        }],
    );
    object! {
        explain::PATH => object! { "get" => all },
        format!("{}/{{code}}", explain::PATH) => object! { "get" => one },
    }
}

fn etag() -> Doc {
    object! {
        "description" => "Changes when the document does. 文档变化时随之改变。",
        "required" => true,
        "schema" => object! { "type" => "string", "pattern" => "^\"[0-9a-f]+\"$" },
    }
}

fn operation(tag: &str, id: &str, summary: &str, responses: Doc) -> Doc {
    object! {
        "operationId" => id,
        "tags" => list![tag],
        "summary" => summary,
        "security" => list![],
        "responses" => servers_own(responses),
    }
}

fn text(description: &str, example: &str) -> Doc {
    object! {
        "description" => description,
        "content" => object! { "text/plain" => object! {
            "schema" => object! { "type" => "string" }, "example" => example,
        } },
    }
}

/// The simulation's controls: the payer's side, the clock, the scenarios. They need no signature: there is no money
/// behind them.
fn controls() -> Doc {
    let code = || {
        list![object! {
            "name" => "code", "in" => "path", "required" => true,
            "description" => "The code's id: `qrCodeId`. 二维码 ID。",
            "schema" => object! { "type" => "string", "pattern" => "^[A-Za-z0-9_.-]{1,32}$" },
        }]
    };
    let word = |text: &str| object! { "type" => list!["string", "null"], "description" => text };
    let of_code = |id: &str, summary: &str, body: Option<Doc>, refusals: &[u16]| {
        control(id, summary, body, refusals).with("parameters", code())
    };
    let scan = fields(object! { "amount" => object! {
        "type" => list!["integer", "null"], "minimum" => 0_u64, "maximum" => u64::MAX,
        "description" => "How much to pay, in fen, where the code does not say. 支付金额，单位：分。",
    } });
    let confirm = fields(object! {
        "card" => object! { "enum" => list!["debit", "credit", Doc::Null], "description" => "What kind of card pays. 卡种。" },
        "through" => object! { "enum" => list!["unionpay", "wechat", "alipay", Doc::Null], "description" => "Through which channel. 支付渠道。" },
        "name" => word("The payer's name. 付款人姓名。"),
        "certNo" => word("The number of the payer's certificate. 付款人证件号。"),
    });
    let scenario = || {
        fields(object! {
            "operation" => word("`any`, or the operation that it is about. 操作。"),
            "number" => word("`any`, or the bill or order that it is about. 账单号或订单号。"),
            "scenario" => word("One of those that `holdfast scenarios` lists. 场景名称。"),
        })
    };
    let advance = object! {
        "type" => "object",
        "required" => list!["advance"],
        "properties" => object! { "advance" => object! {
            "type" => "string", "pattern" => "^[0-9]{1,10}(?:ms|s|m|h|d)$", "examples" => list!["30d"],
            "description" => "How far, at most 3660d. 前移时长。",
        } },
        "additionalProperties" => false,
    };
    let link = control(
        "linked",
        "The code that a QR code's link stands for; for a browser the payer's page 二维码链接，浏览器得到收银台页面",
        None,
        &[400, 404],
    )
    .and_pages()
    .with(
        "parameters",
        list![object! {
            "name" => "id", "in" => "query", "required" => true,
            "description" => "The code's id. 二维码 ID。",
            "schema" => object! { "type" => "string", "pattern" => "^[A-Za-z0-9_.-]{1,32}$" },
        }],
    );
    object! {
        "/bills/qrCode.do" => object! { "get" => link },
        "/sim/payer/{code}" => object! {
            "get" => of_code("seen", "A bill as its payer sees it 付款人视角的账单", None, &[400, 404]),
        },
        "/sim/payer/{code}/scan" => object! {
            "post" => of_code("scan", "The payer scans a fixed code 扫描固定码", Some(scan), &[400, 404, 409, 413, 502]),
        },
        "/sim/payer/{code}/confirm" => object! {
            "post" => of_code("confirm", "The payer pays 付款人确认支付", Some(confirm), &[400, 402, 404, 409, 413, 502, 504])
                .and_response("202", json("Paid, and the gateway has not heard of it. 已付款，网关尚未得知。", object! { "type" => "object" })),
        },
        "/sim/payer/{code}/decline" => object! {
            "post" => of_code("decline", "The payer says no 付款人拒绝", None, &[400, 404, 409]),
        },
        "/sim/payer/{code}/expire" => object! {
            "post" => of_code("expire", "The payer lets the time pass 超时未付", None, &[400, 404, 409]),
        },
        "/sim/clock" => object! {
            "get" => control("clock", "What time it is in the simulation 模拟时间", None, &[]),
            "post" => control("advance", "Move the clock ahead 时间前移", Some(advance), &[400, 413]),
        },
        "/sim/scenarios" => object! {
            "get" => control("scenarios", "The scenarios that are set 已设置的场景", None, &[]),
            "put" => control("setScenario", "Set a scenario 设置场景", Some(scenario()), &[400, 413]),
            "delete" => control("clearScenario", "Clear a scenario 清除场景", None, &[400, 413]),
        },
    }
}

/// An object that has these fields at most.
fn fields(properties: Doc) -> Doc {
    object! { "type" => "object", "properties" => properties, "additionalProperties" => false }
}

/// One control: what is sent, and with which statuses it is refused.
fn control(id: &str, summary: &str, body: Option<Doc>, refusals: &[u16]) -> Doc {
    let own = object! { "200" => json("Done. 完成。", object! { "type" => "object" }) };
    let all = refusals
        .iter()
        .chain(&[500])
        .fold(own, |all, status| all.with(&status.to_string(), json("Refused. 拒绝。", failed())));
    let operation = operation("simulation", id, summary, all);
    match body {
        None => operation,
        Some(body) => operation.with(
            "requestBody",
            object! {
                "required" => false,
                "content" => object! { "application/json" => object! { "schema" => body } },
            },
        ),
    }
}

fn json(description: &str, schema: Doc) -> Doc {
    object! {
        "description" => description,
        "content" => object! { "application/json" => object! { "schema" => schema } },
    }
}

/// A refusal of the simulation: what it has in common with the protocol's.
fn failed() -> Doc {
    let names = ["errCode", "errMsg", "errInfo"];
    let common = Failure::FIELDS
        .iter()
        .copied()
        .filter(|field| names.contains(&field.name) || field.name == "docUrl");
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    let said = message(&common.collect::<Vec<_>>(), Side::Told);
    said.replacing("required", names.to_vec()).with(
        "allOf",
        list![object! { "properties" => object! { "errCode" => object! { "enum" => codes } } }],
    )
}

impl Doc {
    /// The same operation, answered with pages to whoever names them in `Accept`.
    fn and_pages(self) -> Self {
        let page = || object! { "schema" => object! { "type" => "string" } };
        ["200", "400", "404", "500"].into_iter().fold(self, |all, status| {
            let Some(responses) = all.field("responses").cloned() else { return all };
            let Some(response) = responses.field(status).cloned() else { return all };
            let Some(content) = response.field("content").cloned() else { return all };
            let content = content.with("text/html", page());
            let response = response.replacing("content", content);
            all.replacing("responses", responses.replacing(status, response))
        })
    }

    /// The same operation with one more answer.
    fn and_response(self, status: &str, response: Self) -> Self {
        match self.field("responses").cloned() {
            Some(all) => self.replacing("responses", all.with(status, response)),
            None => self,
        }
    }
}
