// The browser: contexts as people have them, and what must never happen in any page.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const PHONE = { width: 390, height: 844 };
export const DESK = { width: 1280, height: 900 };

const failures = fileURLToPath(new URL("../failures", import.meta.url));
const executablePath = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);

/** Starts the browser. */
export function open() {
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--font-render-hinting=none",
    ],
  });
}

/** Somebody with a browser. What goes wrong in any of its pages is in `context.faults`. */
export async function somebody(browser, { viewport = DESK, language = "en", theme = "light", scripts = true, cookies } = {}) {
  const context = await browser.newContext({
    viewport,
    locale: language === "zh" ? "zh-CN" : "en-GB",
    colorScheme: theme,
    javaScriptEnabled: scripts,
    isMobile: viewport.width < 500,
    hasTouch: viewport.width < 500,
    storageState: cookies,
    reducedMotion: "reduce",
    timezoneId: "Asia/Shanghai",
  });
  context.setDefaultTimeout(15_000);
  context.faults = [];
  // The browser tells of what the policy refused only inside of the page.
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy: ${event.violatedDirective} refused ${event.blockedURI} ${event.sample}`));
  });
  context.on("page", (page) => watch(page, context.faults));
  return context;
}

function watch(page, faults) {
  const fault = (text) => faults.push(`${page.url()}: ${text}`);
  page.on("dialog", async (dialog) => {
    fault(`a dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  page.on("pageerror", (error) => fault(`a script failed: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") fault(message.text());
  });
  page.on("requestfailed", (request) => {
    const why = request.failure()?.errorText ?? "";
    // A page that is left stops what it was loading; a download is no page.
    if (!why.includes("ERR_ABORTED")) fault(`${request.url()} was not loaded: ${why}`);
  });
}

/** Runs a part of a test; when it fails, what could be seen stays behind. */
export async function seen(name, browser, what) {
  try {
    return await what();
  } catch (error) {
    const folder = join(failures, name.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60));
    mkdirSync(folder, { recursive: true });
    let number = 0;
    for (const page of browser.contexts().flatMap((context) => context.pages())) {
      const file = join(folder, `page-${(number += 1)}`);
      try {
        await page.screenshot({ path: `${file}.png`, fullPage: true, timeout: 5000 });
        writeFileSync(`${file}.txt`, `${page.url()}\n\n${await page.innerText("body", { timeout: 5000 })}\n`);
      } catch {
        // A page that is gone cannot be seen; what failed is told below.
      }
    }
    error.message += `\n\nwhat could be seen is in ${folder}`;
    throw error;
  }
}
