//! What there is to know about an error code, as a page: the same for the terminal, for `docs/errors.md`, and for the
//! address that error answers carry.

use crate::{
    code::{Code, CodeSpec},
    field::Url,
    message::Bilingual,
};

/// Where a gateway serves the pages: the page of a code is behind it, after a slash.
pub const PATH: &str = "/errors";

/// The page of one code, ready to be written in some form.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// What it tells of.
    pub spec: &'static CodeSpec,
    /// The short answers, each under its name: whose fault, whether to repeat, how long to wait, what to do.
    pub answers: [(Bilingual, Bilingual); 4],
}

const CAUSES: Bilingual = Bilingual { en: "Usual causes", zh: "常见原因" };
const NEXT: Bilingual = Bilingual { en: "Next", zh: "下一步" };
const ALL: Bilingual = Bilingual { en: "Error codes", zh: "错误代码" };

/// Where the page of a code is, at a gateway whose public address is that; `None` when it is too long for one.
#[must_use]
pub fn address(public_url: &str, code: &str) -> Option<Url> {
    Url::parse(&format!("{public_url}{PATH}/{code}")).ok()
}

/// The page of a code.
#[must_use]
pub const fn page(code: Code) -> Page {
    let spec = code.spec();
    let answers = [
        (Bilingual { en: "Whose fault", zh: "责任方" }, spec.fault.text()),
        (Bilingual { en: "Send it again", zh: "能否重发" }, spec.repeat.text()),
        (Bilingual { en: "How long to wait", zh: "等待多久" }, spec.wait.text()),
        (Bilingual { en: "What to do", zh: "处理建议" }, spec.advice),
    ];
    Page { spec, answers }
}

impl Page {
    /// The page for a terminal: plain text, which ends in a line end.
    #[must_use]
    pub fn text(&self) -> String {
        let CodeSpec { name, status, text, causes, next, .. } = self.spec;
        let mut page = format!("{name}  HTTP {status}\n{}\n{}\n", text.en, text.zh);
        for (name, answer) in self.answers {
            page.push_str(&format!("\n{}\n  {}\n  {}\n", slashed(name), answer.en, answer.zh));
        }
        page.push_str(&format!("\n{}\n", slashed(CAUSES)));
        for cause in *causes {
            page.push_str(&format!("  * {}\n    {}\n", cause.en, cause.zh));
        }
        page.push_str(&format!("\n{}\n  {next}\n", slashed(NEXT)));
        page
    }

    /// The page as Markdown, under a heading of its level: 1 where it is alone.
    #[must_use]
    pub fn markdown(&self, level: usize) -> String {
        let CodeSpec { name, status, text, causes, next, .. } = self.spec;
        let mut page = format!(
            "{} {name}\n\n**{}**\n\n**{}**\n\nHTTP {status}\n\n",
            "#".repeat(level),
            text.en,
            text.zh
        );
        page.push_str("| | |\n|---|---|\n");
        for (name, answer) in self.answers {
            page.push_str(&format!("| {} | {}<br>{} |\n", slashed(name), answer.en, answer.zh));
        }
        page.push_str(&format!("\n{}:\n\n", slashed(CAUSES)));
        for cause in *causes {
            page.push_str(&format!("* {}<br>{}\n", cause.en, cause.zh));
        }
        page.push_str(&format!("\n{}:\n\n```sh\n{next}\n```\n", slashed(NEXT)));
        page
    }

    /// The page as a piece of HTML, without what stands around it.
    #[must_use]
    pub fn html(&self) -> String {
        let CodeSpec { name, status, text, causes, next, .. } = self.spec;
        let mut page = format!(
            "<h1>{name} <small>HTTP {status}</small></h1>\n<p class=\"meaning\">{}</p>\n<dl>\n",
            spans(*text)
        );
        for (name, answer) in self.answers {
            page.push_str(&format!("<dt>{}</dt>\n<dd>{}</dd>\n", spans(name), spans(answer)));
        }
        page.push_str(&format!("</dl>\n<h2>{}</h2>\n<ul>\n", spans(CAUSES)));
        for cause in *causes {
            page.push_str(&format!("<li>{}</li>\n", spans(*cause)));
        }
        let next = escaped(next);
        page.push_str(&format!(
            "</ul>\n<h2>{}</h2>\n<pre><code>{next}</code></pre>\n",
            spans(NEXT)
        ));
        page
    }
}

/// Codes with what each means, a line each, for a terminal.
#[must_use]
pub fn list_text(codes: &[Code]) -> String {
    let width = codes.iter().map(|code| code.name().len()).max().unwrap_or_default();
    let line = |code: &Code| {
        let CodeSpec { name, text, .. } = code.spec();
        format!("{name:width$}  {} {}\n", text.en, text.zh)
    };
    codes.iter().map(line).collect()
}

/// All codes with what each means, as a piece of HTML; the page of each is `folder` and its name.
#[must_use]
pub fn list_html(folder: &str) -> String {
    let line = |code: &Code| {
        let CodeSpec { name, text, .. } = code.spec();
        format!("<dt><a href=\"{folder}{name}\">{name}</a></dt>\n<dd>{}</dd>\n", spans(*text))
    };
    let lines: String = Code::ALL.iter().map(line).collect();
    format!("<h1>{}</h1>\n<dl>\n{lines}</dl>\n", spans(ALL))
}

/// All codes with what each means, as a list in Markdown; the page of each is `folder` and its name.
#[must_use]
pub fn list_markdown(folder: &str) -> String {
    let line = |code: &Code| {
        let CodeSpec { name, text, .. } = code.spec();
        format!("* [`{name}`]({folder}{name}): {}<br>{}\n", text.en, text.zh)
    };
    let lines: String = Code::ALL.iter().map(line).collect();
    format!("# {}\n\n{lines}", slashed(ALL))
}

/// `docs/errors.md`: every code with all there is to know about it.
#[must_use]
pub fn document() -> String {
    let mut page = format!(
        "# {}\n\n\
         This page is made from the table in `crates/wire`; a test compares it with it. `holdfast explain CODE` shows the \
         same, and so does every gateway at `{PATH}/CODE`; in the test environment each error answer carries that address \
         as `docUrl`.\n\n\
         本页由 `crates/wire` 中的表生成，并由测试比对。`holdfast explain CODE` 与网关的 `{PATH}/CODE` 显示同样的内容；\
         测试环境的每个失败响应都在 `docUrl` 中带有该地址。\n",
        slashed(ALL)
    );
    for code in Code::ALL {
        page.push('\n');
        page.push_str(&self::page(*code).markdown(2));
    }
    page
}

fn slashed(text: Bilingual) -> String {
    format!("{} {}", text.en, text.zh)
}

/// A text in both languages, each marked as what it is.
fn spans(text: Bilingual) -> String {
    format!("<span>{}</span> <span lang=\"zh-CN\">{}</span>", escaped(text.en), escaped(text.zh))
}

/// A text as it may stand between tags and in attributes of HTML.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
