// The payer's cashier, as payers use it: on a phone, with whatever happens there.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DESK, open, PHONE, seen, somebody } from "../lib/browser.mjs";
import { crawl } from "../lib/crawl.mjs";
import { Gateway, MID, TID } from "../lib/gateway.mjs";
import { believed, Receiver } from "../lib/receiver.mjs";

const HOSTILE = `<script>window.pwned=1</script><img src=x onerror="window.pwned=1">`;

const MERCHANT = `湖畔酒店<script>window.pwned=1</script>`;

let browser, gateway, receiver;

before(async () => {
  receiver = await Receiver.start();
  [browser, gateway] = await Promise.all([
    open(),
    Gateway.start({ merchant: MERCHANT, notifyUrl: receiver.url, people: {} }),
  ]);
});

after(async () => {
  await browser?.close();
  await gateway?.end();
  await receiver?.end();
});

/** Somebody with a phone looks at a code. */
async function payer(link, view = {}) {
  const context = await somebody(browser, { viewport: PHONE, ...view });
  const page = await context.newPage();
  await page.goto(link);
  return { context, page };
}

/** Goes from the page of a code to the last step, and sends six digits. */
async function confirm(page, digits) {
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByLabel("Six-digit code").fill(digits);
  await page.getByRole("button", { name: /^(Hold|Pay) ¥/ }).click();
}

/** Today in Beijing, as bills are dated. */
const beijing = () => new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 10);

/** What the merchant's system asks the gateway. */
const ask = (endpoint, ...fields) => gateway.json("call", endpoint, "--mid", MID, "--tid", TID, ...fields);

/** Nothing went wrong in any page of the context, and nothing that a merchant wrote ran. */
async function clean({ context, page }) {
  assert.deepEqual(context.faults, []);
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  await context.close();
}

test("a payer confirms a hold on a phone, and the merchant gets a notice that can be believed", () =>
  seen("a payer confirms", browser, async () => {
    const { number, link } = await gateway.hold(500, "--desc", `押金 ${HOSTILE}`);
    const phone = await payer(link);
    const { page } = phone;
    const text = await page.innerText("main");
    assert.match(text, /¥500\.00 will be held, not paid\. .* can take up to this amount until \d+ \w+/);
    assert.ok(text.includes(HOSTILE), "what the merchant wrote stays text");
    await confirm(page, "123456");
    await page.getByRole("heading", { name: "¥500.00 is held, not paid" }).waitFor();
    const notice = await receiver.notice((pairs) => pairs.billNo === number);
    assert.ok(believed(notice, gateway.noticeKey), notice);
    assert.ok(!believed(notice.replace("50000", "50001"), gateway.noticeKey));
    // Reloading and going back pay nothing twice.
    await page.reload();
    await page.goBack();
    await page.goto(link);
    await page.getByRole("heading", { name: "¥500.00 is held, not paid" }).waitFor();
    // The page follows what the merchant does, without being touched.
    await gateway.run(["hold", "capture", number, "300"]);
    await page.getByRole("heading", { name: "¥300.00 is paid" }).waitFor();
    await page.getByText("¥200.00 came back", { exact: false }).first().waitFor();
    await clean(phone);
  }));

test("a wrong code and a no leave the bill to be paid", () =>
  seen("a wrong code", browser, async () => {
    const { number, link } = await gateway.hold(20);
    const phone = await payer(link);
    await confirm(phone.page, "000000");
    await phone.page.getByText("The six digits were not right").waitFor();
    await phone.page.getByRole("button", { name: "Decline" }).click();
    await phone.page.getByText("You declined. Nothing was taken").waitFor();
    await confirm(phone.page, "654321");
    await phone.page.getByRole("heading", { name: "¥20.00 is held, not paid" }).waitFor();
    assert.ok(await receiver.notice((pairs) => pairs.billNo === number));
    await clean(phone);
  }));

test("of two phones at once one wins and the other is told", () =>
  seen("two phones", browser, async () => {
    const { link } = await gateway.hold(30);
    const phones = await Promise.all([payer(link), payer(link)]);
    for (const { page } of phones) {
      await page.getByRole("button", { name: "Go on" }).click();
      await page.getByLabel("Six-digit code").fill("123456");
    }
    await Promise.all(phones.map(({ page }) => page.getByRole("button", { name: "Hold ¥30.00" }).click()));
    for (const { page } of phones) await page.getByRole("heading", { name: "¥30.00 is held, not paid" }).waitFor();
    const told = await Promise.all(phones.map(({ page }) => page.getByText("Your confirmation took nothing").count()));
    assert.deepEqual(told.sort(), [0, 1]);
    for (const phone of phones) await clean(phone);
  }));

test("a phone that only looks is told when another one has paid", () =>
  seen("a phone that looks", browser, async () => {
    const { link } = await gateway.hold(40);
    const idle = await payer(link);
    await gateway.run(["sim", "pay", link.split("=").pop()]);
    await idle.page.getByRole("heading", { name: "¥40.00 is held, not paid" }).waitFor();
    await clean(idle);
  }));

test("without scripts a hold is confirmed and watched all the same, and its answer may get lost", () =>
  seen("without scripts", browser, async () => {
    const { number, link } = await gateway.hold(50);
    const { context, page } = await payer(link, { scripts: false });
    await page.getByText("Test environment").click();
    await page.getByLabel("When it is paid").selectOption("lostanswer");
    await page.getByRole("button", { name: "Set" }).click();
    await confirm(page, "123456");
    await page.getByRole("heading", { name: "Paid; the answer is on its way" }).waitFor();
    // The merchant asks, and so it comes to light; the page reads itself again.
    await ask("query", "--billNo", number, "--billDate", beijing());
    await page.getByRole("heading", { name: "¥50.00 is held, not paid" }).waitFor({ timeout: 20_000 });
    assert.deepEqual(context.faults, []);
    await context.close();
  }));

test("a fixed code asks how much", () =>
  seen("a fixed code", browser, async () => {
    const made = await ask("get-qrcode");
    const phone = await payer(made.billQRCode);
    await phone.page.getByLabel("Amount in yuan").fill("12.5");
    await phone.page.getByRole("button", { name: "Go on" }).click();
    await confirm(phone.page, "123456");
    await phone.page.getByRole("heading", { name: "¥12.50 is paid" }).waitFor();
    await clean(phone);
  }));

const VIEWS = [
  { language: "zh", theme: "light", viewport: PHONE },
  { language: "en", theme: "dark", viewport: PHONE },
  { language: "en", theme: "light", viewport: DESK, scripts: false },
  { language: "zh", theme: "dark", viewport: DESK },
];

for (const view of VIEWS) {
  const how = `${view.language}, ${view.theme}, ${view.viewport.width} px${view.scripts === false ? ", without scripts" : ""}`;
  test(`every page of the cashier: ${how}`, async (t) => {
    const open = await gateway.hold(60, "--desc", "押金 1号房");
    const declined = await gateway.hold(61);
    await gateway.run(["sim", "decline", declined.link.split("=").pop()]);
    const held = await gateway.held(62);
    const captured = await gateway.held(63);
    await gateway.run(["hold", "capture", captured.number, "20"]);
    const closed = await gateway.hold(64);
    await ask("close-qrcode", "--billNo", closed.number, "--billDate", beijing());
    const fixed = { link: (await ask("get-qrcode", "--totalAmount", "1250")).billQRCode };
    const context = await somebody(browser, view);
    const confirmation = open.link.replace("qrCode.do?", "confirm?") + "&through=unionpay&card=debit";
    const starts = [open, declined, held, captured, closed, fixed].map((hold) => hold.link).concat(confirmation);
    // Where scripts do not run, axe does not either.
    const accessible = view.scripts !== false;
    const { pages, wrong } = await crawl(context, starts, { ...view, accessible, data: ["押金 1号房", MERCHANT] });
    assert.ok(pages.length >= starts.length, String(pages));
    for (const [kind, faults] of Object.entries(wrong)) {
      await t.test(kind, () => assert.equal(faults.join("\n"), ""));
    }
    await context.close();
  });
}
