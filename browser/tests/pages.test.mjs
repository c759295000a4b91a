// Every page of the console, in both languages, in the light and in the dark, on a phone and on a desk, with texts in
// it that would run if a page let them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DESK, open, PHONE, somebody } from "../lib/browser.mjs";
import { crawl } from "../lib/crawl.mjs";
import { Gateway, MID, PASSWORD, PEOPLE, signIn } from "../lib/gateway.mjs";

const EVIL = `"><script>window.pwned=1</script><img src=x onerror=pwned=1><b class=injected>押金</b>`;
/** What people have typed: it is in whatever language it is. */
const DATA = [EVIL, "湖畔酒店", "押金 301", "前台", ...Object.keys(PEOPLE), "demo", "hotel"];

let browser, gateway;

before(async () => {
  // Port 9 answers nobody: notices wait, and their tries say why.
  const start = Gateway.start({ notifyUrl: "http://127.0.0.1:9/notify", settings: ["--approval-above", "100000"] });
  [browser, gateway] = await Promise.all([open(), start]);
  const { number } = await gateway.held(500, "--desc", EVIL);
  await gateway.run(["hold", "capture", number, "380"]);
  await gateway.run(["hold", "reverse", number]);
  const refunded = await gateway.held(800, "--desc", "押金 301");
  await gateway.run(["hold", "capture", refunded.number, "800"]);
  await gateway.run(["hold", "refund", refunded.number, "100"]);
  await gateway.held(2000);
  await gateway.hold(66, "--desc", EVIL);
  const wrong = { HOLDFAST_APP_KEY: "not the key" };
  await gateway.run(["call", "query", "--billNo", number, "--billDate", today()], { fails: true, variables: wrong });
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
    await signIn(context, gateway.console, "lin");
    const starts = ["/", "/bills", `/merchants/${MID}`, "/audit"].map((path) => gateway.console + path);
    const { pages, wrong } = await crawl(context, starts, { ...view, data: DATA });
    t.diagnostic(`${pages.length} pages`);
    for (const place of ["/bills", "/new", "/expiry", "/approvals", "/notices", "/traffic", "/merchants", "/statements", "/ledger", "/operators", "/audit", "/account"]) {
      assert.ok(pages.some((page) => page.split("?")[0] === place), `${place} is linked to: ${pages.join(" ")}`);
    }
    for (const [kind, faults] of Object.entries(wrong)) {
      await t.test(kind, () => assert.equal(faults.join("\n"), ""));
    }
    await context.close();
  });
}

test("the first page is light, with everything that it loads", async () => {
  const context = await somebody(browser);
  const page = await context.newPage();
  const network = await context.newCDPSession(page);
  await network.send("Network.enable");
  let bytes = 0;
  network.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
  await page.goto(gateway.console + "/");
  await page.fill("#name", "lin");
  await page.fill("#password", PASSWORD);
  await page.click("main button");
  await page.locator("svg.chart").first().waitFor();
  await page.waitForLoadState("networkidle");
  assert.ok(bytes > 20_000, `${bytes} bytes: more than nothing is loaded`);
  assert.ok(bytes < 100_000, `${bytes} bytes for signing in and the overview together`);
  await context.close();
});

/** Today in Beijing. */
function today() {
  return new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 10);
}
