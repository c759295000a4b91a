//! The reference of the protocol as Markdown, from the declarations alone.

use crate::{
    code::Code,
    legacy,
    message::{Bilingual, EndpointSpec, FieldSpec, Message as _},
    messages::{AmountTold, AskAmount, ENDPOINTS, Failure, Notice},
};

/// All endpoints and all error codes in Markdown, in English and Chinese.
#[must_use]
pub fn reference() -> String {
    let mut page = format!(
        "# Reference / 接口参考\n\n\
         This page is made from the declarations in `crates/wire`; a test compares it with them.\n\
         本页由 `crates/wire` 中的声明生成，并由测试比对。\n\n\
         Requests are posted as JSON with an `Authorization` header. Amounts are whole fen; times are \
         Beijing time. Whatever is blank or `null` counts as absent, and unknown fields are ignored.\n\
         请求以 POST 发送 JSON，并带 `Authorization` 请求头。金额以分为单位，时间为北京时间。空白与 `null` \
         视为未填，未知字段忽略。\n\n\
         The predecessor protocol has one address, `{}`: `msgType` says which endpoint is meant, `msgSrc` who asks, \
         and `sign` lies in the body, as in notices.\n\
         旧协议只有一个地址 `{}`：由 `msgType` 选择接口，`msgSrc` 标识调用方，`sign` 位于报文中，签名方法与通知相同。\n\n\
         | endpoint / 接口 | path / 路径 | |\n|---|---|---|\n",
        legacy::PATH,
        legacy::PATH,
    );
    let (ours, theirs): (Vec<&EndpointSpec>, Vec<_>) =
        ENDPOINTS.iter().partition(|endpoint| endpoint.is_ours());
    for endpoint in theirs.iter().chain(&ours) {
        let EndpointSpec { name, path, title, .. } = endpoint;
        page.push_str(&format!("| [`{name}`](#{name}) | `{path}` | {} |\n", both(*title)));
    }
    for endpoint in theirs {
        describe(&mut page, endpoint);
    }
    page.push_str(
        "\n# Holdfast's own endpoints / Holdfast 自有接口\n\n\
         These lie beside the protocol: the official platform does not have them. They are asked for like all others, by \
         an app that may act for the merchant, and only read unless they say otherwise.\n\n\
         以下接口不属于官方协议，官方平台没有。调用与认证方式与其他接口相同，应用须有权代表该商户；除另有说明外均为只读。\n",
    );
    for endpoint in ours {
        describe(&mut page, endpoint);
    }
    page.push_str("\n# What all have in common / 共同内容\n");
    page.push_str(&format!("\n## Failures / 失败响应\n\n{}\n", lines(Failure::DOC)));
    table(&mut page, Failure::FIELDS);
    notices(&mut page);
    amounts(&mut page);
    page.push_str(
        "\n## Error codes / 错误代码\n\n\
         | `errCode` | HTTP | meaning / 含义 | whose fault / 责任方 | repeat / 重发 | what to do / 处理建议 |\n\
         |---|---|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let spec = code.spec();
        page.push_str(&format!(
            "| [`{}`](errors.md#{}) | {} | {} | {} | {} | {} |\n",
            spec.name,
            spec.name.to_lowercase(),
            spec.status,
            both(spec.text),
            both(spec.fault.text()),
            both(spec.repeat.text()),
            both(spec.advice),
        ));
    }
    page
}

/// What merchants are told, and how they know that it is true.
fn notices(page: &mut String) {
    page.push_str(&format!("\n## Notices / 支付结果通知\n\n{}\n\n", lines(Notice::DOC)));
    page.push_str(
        "Besides these fields a notice has one pair with a random name of two letters (`gY=Snwz`), `sign`, and `signType` \
         unless the digest is MD5. To check `sign`: take all pairs as received and decoded, except `sign` and those \
         without a value; sort them by name in ASCII order; join them as `name=value` with `&`; append the communication \
         key; the digest in upper-case hexadecimal digits is `sign`. The same pairs, signed the same way, are the query \
         with which a payer's browser comes to `returnUrl`. In values, `&`, `=`, `%`, `+` and `#` are full-width, except \
         in `billQRCode`. Answer `SUCCESS`; whatever else is answered, the notice comes again with the same `notifyId`.\n\n\
         除下列字段外，通知还带有一个名称为两个随机字母的参数（如 `gY=Snwz`）、`sign`，以及摘要算法不是 MD5 时的 `signType`。\
         验签：取收到并解码后的全部参数，去掉 `sign` 与空值，按参数名 ASCII 升序排列，以 `&` 连接各 `名=值`，末尾直接拼接通讯密钥，\
         取摘要的大写十六进制即为 `sign`。付款人浏览器跳转 `returnUrl` 时的查询参数与此相同。除 `billQRCode` 外，参数值中的 \
         `&`、`=`、`%`、`+`、`#` 均以全角字符发送。请应答 `SUCCESS`；否则通知将以相同的 `notifyId` 重发。\n",
    );
    table(page, Notice::FIELDS);
}

/// What merchants are asked, and how they answer.
fn amounts(page: &mut String) {
    page.push_str(&format!(
        "\n## Asking for an amount / 固定码支付要素查询\n\n{}\n\n",
        lines(AskAmount::DOC)
    ));
    page.push_str(
        "Posted as JSON to `payInfoQueryAddr`, with `sign` and, unless the digest is MD5, `signType`: the same signature over \
         the same kind of pairs as under notices. No bill is made unless the answer has HTTP status 200, `errCode` `SUCCESS`, \
         a `totalAmount`, and the question's `msgId` if any, and is there in time.\n\n\
         以 JSON 形式 POST 至 `payInfoQueryAddr`，带有 `sign`，摘要算法不是 MD5 时另有 `signType`，签名方法与通知相同。\
         仅当应答及时到达、HTTP 状态为 200、`errCode` 为 `SUCCESS`、含 `totalAmount`，且 `msgId`（如有）与请求一致时，才会创建账单。\n",
    );
    table(page, AskAmount::FIELDS);
    page.push_str(&format!("\n### Answer / 应答\n\n{}\n", lines(AmountTold::DOC)));
    table(page, AmountTold::FIELDS);
}

fn describe(page: &mut String, endpoint: &EndpointSpec) {
    let title = both(endpoint.title);
    page.push_str(&format!("\n## {}\n\n**{title}**\n\n", endpoint.name));
    page.push_str(&format!("{}\n\n`POST {}`", lines(endpoint.doc), endpoint.path));
    for alias in endpoint.aliases {
        page.push_str(&format!(", also / 也可 `{alias}`"));
    }
    if let Some(msg_type) = endpoint.msg_type {
        page.push_str(&format!("; predecessor protocol / 旧协议 `msgType` `{msg_type}`"));
    }
    page.push_str("\n\n### Request / 请求\n");
    table(page, endpoint.request);
    page.push_str(&format!("\n### Response / 响应\n\n{}\n", lines(endpoint.response_doc)));
    table(page, endpoint.response);
}

fn table(page: &mut String, fields: &[FieldSpec]) {
    page.push_str(
        "\n| field / 字段 | needed / 必填 | holds / 取值 | meaning / 含义 | example / 示例 |\n\
         |---|---|---|---|---|\n",
    );
    rows(page, "", fields);
}

/// The rows of a table; the fields inside a field follow it under its name.
fn rows(page: &mut String, outer: &str, fields: &[FieldSpec]) {
    for field in fields {
        let name = format!("{outer}{}", field.name);
        let alias = field.alias.map_or(String::new(), |alias| format!(" (`{alias}`)"));
        let needed = if field.required { "yes / 是" } else { "no / 否" };
        let example = field.example.map_or(String::new(), |example| format!("`{example}`"));
        let (en, zh) = (field.rule.to_string(), field.rule.zh());
        let holds = if en == zh { format!("`{en}`") } else { format!("{en}<br>{zh}") };
        page.push_str(&format!(
            "| `{name}`{alias} | {needed} | {holds} | {} | {example} |\n",
            both(field.doc)
        ));
        rows(page, &format!("{name}."), field.fields);
    }
}

fn both(text: Bilingual) -> String {
    format!("{}<br>{}", text.en, text.zh)
}

fn lines(text: Bilingual) -> String {
    format!("{}\n\n{}", text.en, text.zh)
}
