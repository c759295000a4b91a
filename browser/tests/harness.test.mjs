// A test that cannot fail is none: pages that do everything wrong are found out.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { open, PHONE, somebody } from "../lib/browser.mjs";
import { crawl, foreign } from "../lib/crawl.mjs";
import { believed } from "../lib/receiver.mjs";

let browser, server;

before(async () => {
  browser = await open();
  const policy = "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'unsafe-inline'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'";
  server = createServer((request, response) => {
    if (request.url === "/strict") {
      response.writeHead(200, { "content-type": "text/html;charset=utf-8", "content-security-policy": "default-src 'none'" });
      return response.end("<!doctype html><html lang=en><title>b</title><main><h1>b</h1><script>1</script></main>");
    }
    if (request.url !== "/") return response.writeHead(404).end("gone");
    response.writeHead(200, { "content-type": "text/html;charset=utf-8", "content-security-policy": policy });
    response.end(`<!doctype html><html lang="en"><title>a</title><main><h1>One</h1><h1>Two</h1><p lang="zh">可以</p><p>不可以</p>
      <div style="width:999px;color:#999;background:#aaa">Hard to read</div><input><img src="x"><a href="/strict">on</a><a href="/gone">gone</a>
      <button onclick="1">Do</button><script>window.pwned = 1; console.error("a fault")</script></main>`);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
});

after(async () => {
  await browser?.close();
  server?.close();
});

test("each kind of fault is found in a page that has it", async () => {
  const context = await somebody(browser, { viewport: PHONE });
  const { pages, wrong } = await crawl(context, [`http://127.0.0.1:${server.address().port}/`], { language: "en" });
  assert.deepEqual(pages, ["/", "/strict"]);
  const found = (kind, ...parts) => {
    for (const part of parts) assert.ok(wrong[kind].some((fault) => fault.includes(part)), `${kind}: ${part} in ${wrong[kind]}`);
  };
  found("answers", "/gone: 404");
  found("headers", "lacks script-src 'self'", "lacks frame-ancestors 'none'", "is loose", "nosniff");
  found("inline", "div has style=", "button has onclick=", "script is inline");
  found("scripts", "ran as a script", "became part of the page");
  found("language", "不可以");
  assert.ok(!wrong.language.some((fault) => fault.includes(": 可以")), String(wrong.language));
  found("overflow", "wider than the screen");
  found("structure", "2 h1");
  found("axe", "color-contrast", "image-alt", "label");
  found("faults", "a fault", "policy: script-src");
});

test("a text in the other language is told from data, names and numbers", () => {
  const data = ["湖畔酒店", "Seaside Hotel"];
  assert.deepEqual(foreign("en", ["Bill of 湖畔酒店", "¥500.00", "待复核", "English", "中文"], data), ["待复核"]);
  assert.deepEqual(foreign("zh", ["账单 Seaside Hotel", "OPEN-BODY-SIG", "导出 CSV", "Take the money"], data), ["Take the money"]);
});

test("a notice is believed by the signatures of the conformance kit, and not when it was changed", () => {
  const { cases } = JSON.parse(readFileSync(new URL("../../conformance/notices.json", import.meta.url)));
  assert.ok(cases.length > 5);
  for (const { name, body, key } of cases) {
    assert.ok(believed(body, key), name);
    assert.ok(!believed(body, key + "x"), `${name}: another key`);
    assert.ok(!believed(body.replace(/sign=(.)/, (_, first) => `sign=${first === "A" ? "B" : "A"}`), key), `${name}: another signature`);
  }
});
