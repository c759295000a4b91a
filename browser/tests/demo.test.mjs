// Somebody who has never seen the product takes, captures and reverses a hold with a browser alone, starting from
// `holdfast demo`.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, PHONE, seen, somebody } from "../lib/browser.mjs";
import { Demo } from "../lib/demo.mjs";
import { capture, confirm, reverse, take } from "../lib/hands.mjs";
import { signIn } from "../lib/gateway.mjs";

let browser, demo;

before(async () => {
  [browser, demo] = await Promise.all([open(), Demo.start()]);
});

after(async () => {
  await browser?.close();
  await demo?.end();
});

test("a hold is taken, captured and reversed with a browser alone", () =>
  seen("demo", browser, async () => {
    const desk = await somebody(browser);
    const page = await signIn(desk, demo.console, demo.name, demo.password);
    const link = await take(page, { yuan: "500", description: "Deposit, room 301" });
    const phone = await somebody(browser, { viewport: PHONE });
    const payer = await phone.newPage();
    await confirm(payer, link);
    // The page of the bill is kept fresh.
    await page.locator(".steps a[href$='/capture']").waitFor();
    await capture(page, { yuan: "380", reason: "the guest leaves" });
    assert.match(await page.innerText("#money"), /Taken\s+¥380\.00/);
    await reverse(page, { reason: "paid in cash" });
    assert.match(await page.innerText("#money"), /Held\s+¥500\.00/);
    // The payer sees the same.
    await payer.reload();
    assert.match(await payer.innerText("main"), /¥500\.00/);
    assert.deepEqual([...desk.faults, ...phone.faults], []);
  }));
