// The pictures of the documentation: a demo, people who use it, and what they see. One argument: the folder.
import { createHmac } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DESK, open, PHONE, somebody } from "./browser.mjs";
import { Demo } from "./demo.mjs";
import { signIn } from "./gateway.mjs";
import { capture, confirm, take } from "./hands.mjs";

const folder = process.argv[2];
mkdirSync(folder, { recursive: true });

const browser = await open();
const demo = await Demo.start();

/** Looks at a page and keeps what is seen: the first screen of it, or all. */
async function picture(page, name, { address, whole = false } = {}) {
  if (address) await page.goto(new URL(address, demo.console).href);
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: whole });
  console.log(name);
}

try {
  const desk = await somebody(browser, { viewport: DESK });
  const page = await signIn(desk, demo.console, demo.name, demo.password);
  await picture(page, "overview");
  const link = await take(page, { yuan: "500", description: "Deposit, room 301" });
  await picture(page, "new-hold");
  const bill = page.url();

  const phone = await somebody(browser, { viewport: PHONE });
  const payer = await phone.newPage();
  await payer.goto(link);
  await picture(payer, "cashier", { whole: true });
  await confirm(payer, link);
  await picture(payer, "held", { whole: true });

  await page.goto(bill);
  await capture(page, { yuan: "380", reason: "the guest leaves" });
  await picture(page, "bill", { whole: true });
  await picture(page, "bills", { address: "/bills?q=500.00" });
  await picture(page, "expiry", { address: "/expiry" });

  // The rented car's hold of 2,400 yuan takes two.
  await page.goto(new URL("/bills?q=2400.00", demo.console).href);
  await page.locator("table tbody a").first().click();
  await capture(page, { yuan: "2400", reason: "the car was not brought back" });
  const second = await somebody(browser, { viewport: DESK });
  await signIn(second, demo.console, demo.second, demo.password);
  await picture(await second.newPage(), "approvals", { address: "/approvals" });

  // A client that signs its body instead of the body's digest.
  const [body, at] = [`{"mid":"898201612345678","tid":"88880001","instMid":"QRPAYDEFAULT","billNo":"31940000000001"}`, stamp()];
  const signature = createHmac("sha256", demo.key).update(`holdfast-demo${at}picture${body}`).digest("base64");
  await fetch(`${demo.url}/v1/netpay/bills/query`, {
    method: "POST",
    headers: {
      authorization: `OPEN-BODY-SIG AppId="holdfast-demo",Timestamp="${at}",Nonce="picture",Signature="${signature}"`,
      "content-type": "application/json",
    },
    body,
  });
  await page.goto(new URL("/traffic?failed=1", demo.console).href);
  await page.locator("table tbody a").first().click();
  await picture(page, "traffic", { whole: true });
  await picture(page, "merchant", { address: "/merchants/898201612345678" });
  await picture(page, "statement", { address: `/statements?mid=898201612345678&date=${day(-1)}` });
  await page.goto(new URL("/ledger", demo.console).href);
  await page.locator("main form button").click();
  await page.locator("#last").waitFor();
  await picture(page, "ledger");

  const night = await somebody(browser, { viewport: PHONE, language: "zh", theme: "dark" });
  const wall = await signIn(night, demo.console, demo.name, demo.password);
  await picture(wall, "overview-phone");
} finally {
  await browser.close();
  await demo.end();
}

/** A day in Beijing. */
function day(from_today = 0) {
  return new Date(Date.now() + 8 * 3600e3 + from_today * 86400e3).toISOString().slice(0, 10);
}

/** The time in Beijing, as headers carry it. */
function stamp() {
  return new Date(Date.now() + 8 * 3600e3).toISOString().replace(/\D/g, "").slice(0, 14);
}
