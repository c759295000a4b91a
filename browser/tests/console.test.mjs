// Operators move money: found by its amount, looked at before, done by two people, and seen by everybody afterwards.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DESK, open, PHONE, seen, somebody } from "../lib/browser.mjs";
import { Gateway, MID, signIn } from "../lib/gateway.mjs";

let browser, gateway;

before(async () => {
  // Everything above 300 yuan takes a second person.
  [browser, gateway] = await Promise.all([open(), Gateway.start({ settings: ["--approval-above", "30000"] })]);
});

after(async () => {
  await browser?.close();
  await gateway?.end();
});

/** Somebody at the console. */
async function at(name, view) {
  const context = await somebody(browser, view);
  return { context, page: await signIn(context, gateway.console, name) };
}

const text = (page) => page.innerText("main");

/** Finds a bill by its amount, as it is written on it. */
async function found(page, amount, number) {
  await page.goto(`${gateway.console}/bills`);
  await page.fill("input[name=q]", amount);
  await page.press("input[name=q]", "Enter");
  await page.click(`main a[href$="/${number}"]`);
  await page.waitForURL(`**/bills/${MID}/*/${number}`);
}

/** Takes a step to its last button. */
async function step(page, name, { amount, reason }) {
  await page.click(`ul.steps a:text-is("${name}")`);
  if (amount) {
    await page.fill("#amount", amount);
    await page.click("main button:text-is('Preview')");
  }
  await page.fill("#reason", reason);
  const preview = await text(page);
  await page.click("main form[method=post] button.main");
  await page.waitForURL(/\/bills\/[^/]+\/[^/]+\/[^/]+$/);
  return preview;
}

/** The second person says yes. */
async function approve(page) {
  await page.goto(`${gateway.console}/approvals`);
  const asked = await text(page);
  await page.click("main button:text-is('Approve and carry out')");
  await page.waitForURL(/request=/);
  return asked;
}

for (const viewport of [DESK, PHONE]) {
  test(`a bill found by amount is captured and its capture reversed by two people, ${viewport.width} px wide`, async () => {
    const yuan = viewport === DESK ? "380.00" : "380.01";
    const { number } = await gateway.held(yuan);
    const first = await at("chen", { viewport });
    const second = await at("lin", { viewport });
    await seen("two people", browser, async () => {
      await found(first.page, yuan, number);
      const preview = await step(first.page, "Capture", { amount: yuan, reason: "stayed one night" });
      assert.match(preview, new RegExp(`held\\s+merchant\\s+¥${yuan}`));
      assert.match(preview, /A second person has to approve/);
      assert.match(await text(first.page), new RegExp(`Capture of ¥${yuan} waits for a second person, asked for by chen`));
      assert.match(await first.page.innerText("#phase"), /authorized/);
      // Whoever asked has no button to say yes with.
      await first.page.goto(`${gateway.console}/approvals`);
      assert.match(await text(first.page), /somebody else has to decide/);
      assert.equal(await first.page.locator("button:text-is('Approve and carry out')").count(), 0);

      assert.match(await approve(second.page), /stayed one night/);
      assert.match(await second.page.innerText("#came"), /Done: captured/);
      await found(first.page, yuan, number);
      assert.match(await first.page.innerText("#phase"), /captured/);
      await step(first.page, "Reverse the capture", { reason: "the wrong room" });
      await approve(second.page);
      assert.match(await second.page.innerText("#came"), /Done: reversed; the hold stands again/);

      // The first one's page, still open, says so by itself.
      await first.page.waitForFunction(() => document.querySelector("#phase").innerText === "authorized");
      const told = await text(first.page);
      for (const part of [/captured/, /reversed; the hold stands again/, /operator chen, approved by lin/, /stayed one night/, /the wrong room/]) {
        assert.match(told, part);
      }
      assert.match(told, new RegExp(`held\\s*→[^¥]*merchant\\s+¥${yuan}`));
      assert.match(told, new RegExp(`merchant\\s*→[^¥]*held\\s+¥${yuan}`));
      await first.page.goto(`${gateway.console}/audit?bill=${number}`);
      const written = await text(first.page);
      for (const part of ["ask for approval", "approve", "capture", "reverse a capture", "chen", "lin", "the wrong room"]) {
        assert.ok(written.includes(part), `${part}: ${written}`);
      }
    });
    assert.deepEqual([...first.context.faults, ...second.context.faults], []);
    await Promise.all([first.context.close(), second.context.close()]);
  });
}

test("a viewer can act neither by a button nor by a forged request", async () => {
  const { number } = await gateway.held(100);
  const { context, page } = await at("wu");
  await seen("a viewer", browser, async () => {
    await found(page, "100", number);
    const bill = page.url();
    assert.match(await text(page), /You may look; operators may act/);
    assert.equal(await page.locator("ul.steps a, main form[method=post]").count(), 0);
    // With everything that a page of ours would have sent, the session's token too.
    const csrf = await page.locator("input[name=csrf]").first().inputValue();
    for (const [to, more] of [["capture", { amount: "100.00", order: "3194FORGED01" }], ["release", {}], ["refund", { amount: "1.00", order: "3194FORGED02" }]]) {
      const answer = await page.evaluate(
        async ([to, form]) => (await fetch(to, { method: "POST", body: new URLSearchParams(form) })).status,
        [`${bill}/${to}`, { csrf, reason: "because", ...more }],
      );
      assert.equal(answer, 403, to);
    }
    for (const to of ["/approvals/1/approve", "/approvals/1/refuse", "/approvals/1/withdraw", "/approvals/1/carry-out", "/new"]) {
      const answer = await page.evaluate(
        async ([to, csrf]) => (await fetch(to, { method: "POST", body: new URLSearchParams({ csrf }) })).status,
        [to, csrf],
      );
      assert.equal(answer, 403, to);
    }
    await page.goto(bill);
    assert.match(await page.innerText("#phase"), /authorized/);
  });
  await context.close();
});

test("a hold is taken, captured and released with a browser alone, without scripts too", async () => {
  for (const scripts of [true, false]) {
    const { context, page } = await at("chen", { viewport: PHONE, scripts });
    await seen("a browser alone", browser, async () => {
      await page.goto(`${gateway.console}/new`);
      await page.fill("#amount", "120.50");
      await page.fill("#description", "Room 301");
      await page.fill("#tid", "88880001");
      await page.click("main button.main");
      await page.waitForSelector("svg.qr");
      const bill = page.url();
      const code = (await text(page)).match(/qrCode\.do\?id=(\S+)/)[1];
      await gateway.run(["sim", "pay", code]);
      // With scripts the page tells by itself; without them it is opened again.
      if (!scripts) await page.goto(bill);
      await page.waitForSelector("#phase:text-is('authorized')");
      assert.equal(await page.locator("svg.qr").count(), 0);
      await step(page, "Capture", { amount: "20.5", reason: "minibar" });
      await page.waitForSelector("#came:has-text('Done: captured')");
      await page.click('ul.steps a:text-is("Reverse the capture")');
      await page.fill("#reason", "not this guest");
      await page.click("main form[method=post] button.main");
      await page.waitForSelector("#came:has-text('Done: reversed')");
      await page.click('ul.steps a:text-is("Release the hold")');
      await page.fill("#reason", "left early");
      await page.click("main form[method=post] button.main");
      await page.waitForSelector("#came:has-text('Done: all went back')");
      assert.match(await page.innerText("#money"), /Held ¥0\.00\s*Taken ¥0\.00\s*Given back ¥120\.50/);
    });
    assert.deepEqual(context.faults, []);
    await context.close();
  }
});
