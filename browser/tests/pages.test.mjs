// Every page of the console, in both languages, in the light and in the dark, on a phone and on a desk.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DESK, open, PHONE, somebody } from "../lib/browser.mjs";
import { crawl } from "../lib/crawl.mjs";
import { Gateway } from "../lib/gateway.mjs";

let browser, gateway;

before(async () => {
  [browser, gateway] = await Promise.all([open(), Gateway.start({ people: {} })]);
});

after(async () => {
  await browser?.close();
  await gateway?.end();
});

const VIEWS = [
  { language: "zh", theme: "light", viewport: PHONE },
  { language: "en", theme: "dark", viewport: PHONE },
  { language: "en", theme: "light", viewport: DESK },
  { language: "zh", theme: "dark", viewport: DESK },
];

for (const view of VIEWS) {
  test(`the console in ${view.language}, ${view.theme}, ${view.viewport.width} px wide`, async (t) => {
    const context = await somebody(browser, view);
    const { pages, wrong } = await crawl(context, [gateway.console + "/"], { ...view, may: (path) => path === "/" });
    assert.ok(pages.length > 0, "no page was found");
    t.diagnostic(`${pages.length} pages`);
    for (const [kind, faults] of Object.entries(wrong)) {
      await t.test(kind, () => assert.equal(faults.join("\n"), ""));
    }
    await context.close();
  });
}
