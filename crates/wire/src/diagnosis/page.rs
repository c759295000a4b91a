//! `docs/signatures.md`: what is signed, and the mistakes that are known.

use super::{Mistake, pairs, request, token};

/// The page in Markdown, in English and Chinese.
#[must_use]
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    for (title, tried) in [
        ("Requests / 请求", request::TRIED),
        ("Notices and the predecessor protocol / 通知与旧协议", pairs::TRIED),
        ("Requests for a token / 令牌请求", token::TRIED),
    ] {
        page.push_str(&format!("\n### {title}\n\n| name / 名称 | mistake / 错误 |\n|---|---|\n"));
        for mistake in tried {
            page.push_str(&row(*mistake));
        }
    }
    page
}

fn row(mistake: Mistake) -> String {
    format!("| `{}` | {}<br>{} |\n", mistake.name(), mistake.en(), mistake.zh())
}

const HEAD: &str = "\
# Signatures / 签名

This page is made from the declarations in `crates/wire`; a test compares it with them.
本页由 `crates/wire` 中的声明生成，并由测试比对。

## What is signed / 签名什么

| what / 对象 | signature / 签名 |
|---|---|
| request, `OPEN-BODY-SIG`<br>请求 | `Base64(HMAC-SHA-256(AppKey, AppId + Timestamp + Nonce + hex(SHA-256(body))))`, over the bytes that are sent<br>对实际发送的字节计算；时间为北京时间 `yyyyMMddHHmmss` |
| request, `OPEN-FORM-PARAM`<br>表单参数 | the same, over `content` before it is percent-encoded<br>同上，对编码前的 `content` 计算 |
| request for a token<br>令牌请求 | `hex(SHA-256(appId + timestamp + nonce + AppKey))` with `signMethod=SHA256`, else SHA-1<br>`signMethod=SHA256` 时用 SHA-256，否则用 SHA-1 |
| notice, predecessor protocol<br>通知、旧协议 | `hex(MD5(text + communication key))`, or SHA-256 with `signType=SHA256`. The text is every pair but `sign` that has a value, as received and decoded, sorted by name in bytes, `name=value` joined with `&`<br>对除 `sign` 外、值非空的全部字段，按字段名字节序排序，以 `&` 连接 `字段=值`（解码后的原值），末尾直接拼接通讯密钥 |

## Why is mine wrong? / 为何不对？

```sh
holdfast sign explain request.txt --app-key-file app.key --notice-key-file notice.key
```

`request.txt` is what you have: a `curl` command, raw HTTP, the body of a notice, its `returnUrl`, its fields as JSON. For a notice,
`--theirs` takes what your code computed. The answer shows the text that is signed, both signatures, where they part, and the mistakes
below that reproduce yours, up to three at once. Exit code 0: right; 5: wrong; `-o json` for programs.
`request.txt` 可为 `curl` 命令、HTTP 原文、通知表单、`returnUrl` 网址或 JSON 字段；对于通知，可用 `--theirs` 给出您的代码算出的签名。
结果显示待签名串、两个签名及其首个不同之处，以及能得到您的签名的已知错误（可同时识别三种）。

A **test** gateway says in the field `signed` of its answer to a wrongly signed request what it took for signed, and which
mistakes reproduce the signature. It tries the app's key alone, so it cannot tell that a communication key was used.
**test** 环境的网关在应答的 `signed` 字段中说明它认为被签名的内容及已识别的错误；它只尝试该应用的 AppKey，因此识别不出误用的通讯密钥。

## Known mistakes / 已知错误
";
