// Walks through all pages that links lead to, and writes down what is wrong with each.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What every page's answer says, besides the policy, of which the parts are looked for. */
const POLICY = [
  "default-src 'none'", "style-src 'self'", "script-src 'self'", "img-src 'self'", "connect-src 'self'",
  "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
];
const HEADERS = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  "x-frame-options": "DENY",
  "cache-control": "no-store",
  "cross-origin-opener-policy": "same-origin",
};

/** What is the same in both languages: names of products, programs and protocols. */
const NAMES = ["Standard Webhooks", "WeChat Pay", "Holdfast", "English", "中文"];

/**
 * Visits every page from `starts` on that has the same origin and looks at each.
 * `data` are texts that people have typed: they are in whatever language they are.
 * Answers `{ pages, wrong }`: the addresses, and for each kind of fault what was found.
 */
export async function crawl(context, starts, { language, data = [], accessible = true, may = () => true, each = () => {} } = {}) {
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  const wrong = { answers: [], headers: [], inline: [], scripts: [], language: [], overflow: [], structure: [], axe: [] };
  const waiting = starts.map((start) => new URL(start).href);
  const origin = new URL(starts[0]).origin;
  const known = new Set(waiting);
  const kinds = new Map();
  const pages = [];
  for (let address; (address = waiting.shift()); ) {
    const answer = await page.goto(address);
    const type = answer.headers()["content-type"] ?? "";
    const path = address.slice(origin.length);
    if (answer.status() !== 200) wrong.answers.push(`${path}: ${answer.status()}`);
    if (!type.startsWith("text/html")) continue;
    pages.push(path);
    wrong.headers.push(...headers(answer.headers()).map((fault) => `${path}: ${fault}`));
    const seen = await page.evaluate(look);
    for (const kind of ["inline", "scripts", "structure"]) wrong[kind].push(...seen[kind].map((fault) => `${path}: ${fault}`));
    if (seen.overflow > 0) wrong.overflow.push(`${path}: ${seen.overflow} px wider than the screen: ${seen.wide}`);
    if (!seen.language.startsWith(language)) wrong.language.push(`${path}: the page says it is in ${seen.language}`);
    wrong.language.push(...foreign(language, seen.texts, data).map((text) => `${path}: ${text}`));
    if (accessible) wrong.axe.push(...(await faults(cdp)).map((fault) => `${path}: ${fault}`));
    await each(page, path);
    for (const link of seen.links) {
      const url = new URL(link, address);
      url.hash = "";
      if (url.origin !== origin || url.searchParams.has("lang") || known.has(url.href) || !may(url.pathname)) continue;
      known.add(url.href);
      // Of pages that differ in numbers only, some are enough.
      const kind = url.pathname.replace(/\d{4,}/g, "N") + [...url.searchParams.keys()].sort().join("&");
      const seenOfKind = kinds.get(kind) ?? 0;
      kinds.set(kind, seenOfKind + 1);
      if (seenOfKind < 12) waiting.push(url.href);
    }
  }
  await page.close();
  wrong.faults = context.faults.splice(0);
  return { pages, wrong };
}

/** What is wrong with the headers of a page. */
export function headers(headers) {
  const policy = headers["content-security-policy"] ?? "";
  const missing = POLICY.filter((part) => !policy.split(/;\s*/).includes(part));
  const loose = /unsafe|\*|data:|blob:/.test(policy) ? [`the policy is loose: ${policy}`] : [];
  const others = Object.entries(HEADERS).filter(([name, value]) => headers[name] !== value);
  return [
    ...missing.map((part) => `the policy lacks ${part}`),
    ...loose,
    ...others.map(([name, value]) => `${name} is ${headers[name]}, not ${value}`),
  ];
}

/** Runs in the page: what there is to see. */
function look() {
  const all = [...document.querySelectorAll("*")];
  const name = (element) => `${element.localName}${element.id ? "#" + element.id : ""}`;
  const inline = all.flatMap((element) => [
    ...[...element.attributes].filter((a) => a.name === "style" || a.name.startsWith("on")).map((a) => `${name(element)} has ${a.name}=`),
    ...(element.localName === "style" || (element.localName === "script" && !element.src) ? [`${name(element)} is inline`] : []),
    ...(/^\s*javascript:/i.test(element.getAttribute("href") ?? "") ? [`${name(element)} leads to a script`] : []),
  ]);
  const scripts = [];
  if (window.pwned !== undefined) scripts.push("a text ran as a script");
  if (document.querySelector("img[src='x'], b.injected")) scripts.push("a text became part of the page");
  const structure = [];
  const count = (selector) => document.querySelectorAll(selector).length;
  if (count("h1") !== 1) structure.push(`${count("h1")} h1`);
  if (count("main") !== 1) structure.push(`${count("main")} main`);
  for (const form of document.querySelectorAll("form[method=post]")) {
    if (new URL(form.action).origin !== location.origin) structure.push(`a form goes to ${form.action}`);
  }
  // Texts that the page itself says: not those in which data stands as it is.
  const asItIs = "code, kbd, pre, samp, .number, script, style, [translate=no], [lang]:not(html)";
  const texts = [document.title];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    const text = node.data.trim();
    if (text && !node.parentElement.closest(asItIs)) texts.push(text);
  }
  for (const element of all) {
    for (const attribute of ["aria-label", "title", "placeholder", "alt"]) {
      const text = element.getAttribute(attribute);
      if (text && !element.closest(asItIs)) texts.push(text);
    }
  }
  const root = document.documentElement;
  const overflow = root.scrollWidth - root.clientWidth;
  const wide = all.filter((element) => element.getBoundingClientRect().right > root.clientWidth + 1 && !element.closest(".scroll, pre, nav"));
  return {
    inline, scripts, structure, texts,
    overflow,
    wide: wide.slice(0, 4).map(name).join(", "),
    language: root.lang,
    links: [...document.querySelectorAll("a[href]:not([download])")].map((a) => a.getAttribute("href")).filter((href) => !/\.(csv|json|svg)(\?|$)/.test(href)),
  };
}

/** Texts that are not in the page's language. */
export function foreign(language, texts, data) {
  const known = [...data, ...NAMES].sort((a, b) => b.length - a.length);
  const own = texts.map((text) => known.reduce((text, known) => text.replaceAll(known, " · "), text));
  // A number, a code or a name may stand alone in Chinese; two words of Latin letters in a row are a sentence's.
  const wrong = language === "zh" ? /[A-Za-z][a-z']+[ ,:]+[a-z][a-z']+/ : /[\u3400-\u9fff]/;
  return own.filter((text) => wrong.test(text)).map((text) => text.slice(0, 120));
}

/** What axe says is serious, in the page as it is now. */
async function faults(cdp) {
  // Told to the engine, not to the page: the policy would refuse it.
  const run = (expression) => cdp.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
  await run(axe + ";0");
  const answer = await run(`axe.run(document, { resultTypes: ["violations"] }).then((result) => JSON.stringify(result.violations))`);
  if (answer.exceptionDetails) throw new Error(`axe did not run: ${answer.exceptionDetails.text}`);
  const serious = JSON.parse(answer.result.value).filter((fault) => ["serious", "critical"].includes(fault.impact));
  return serious.flatMap(({ id, help, nodes }) =>
    nodes.slice(0, 3).map((node) => `${id} (${help}): ${node.html.slice(0, 160)} ${node.any?.[0]?.message?.slice(0, 160) ?? ""}`));
}
