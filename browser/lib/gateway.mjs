// A gateway of its own for a test: fresh, on free ports, in a directory that is removed, with one merchant, one app
// and three operators. What a merchant or a payer does is done with the program's own commands.
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
export const binary = resolve(
  process.env.RELEASE_BINARY ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "release", "holdfast"),
);

export const MID = "898201612345678";
export const TID = "88880001";
export const PASSWORD = "correct horse battery staple";
/** Who works at the console: names and roles. */
export const PEOPLE = { lin: "administrator", chen: "operator", wu: "viewer" };

/** What a started gateway holds for others to read; `end` stops it. */
export class Gateway {
  /** Starts one. `settings` are flags of `holdfast serve`. */
  static async start({ merchant = "湖畔酒店", notifyUrl, settings = [], people = PEOPLE } = {}) {
    const gateway = new Gateway();
    try {
      await gateway.#open(merchant, notifyUrl, settings, people);
      return gateway;
    } catch (error) {
      await gateway.end();
      throw error;
    }
  }

  room = mkdtempSync(join(tmpdir(), "holdfast-browser-"));
  #variables = {};
  #serve;
  #log = "";

  async #open(merchant, notifyUrl, settings, people) {
    const keys = await this.run(["merchant", "add", MID, "--name", merchant]);
    const address = notifyUrl ? ["--notify-url", notifyUrl] : [];
    const topics = "capture,release,reversal,refund,expiry,expiring,close";
    await this.run(["merchant", "set", MID, "--notify-on", topics, ...address]);
    this.noticeKey = assigned(keys).HOLDFAST_NOTICE_KEY;
    Object.assign(this.#variables, assigned(await this.run(["app", "add", "--mid", MID, "--id", "hotel"])));
    Object.assign(this.#variables, { HOLDFAST_MID: MID, HOLDFAST_TID: TID });
    for (const [name, role] of Object.entries(people)) await this.#employ(name, role);
    // A capture can be reversed on its business day only, so the day ends in twelve hours, Beijing time.
    const end = new Date(Date.now() + (8 + 12) * 3600e3).toISOString().slice(11, 16);
    const flags = ["--listen", "127.0.0.1:0", "--log", "warn", "--business-day-ends", end, ...settings];
    this.#serve = spawn(binary, ["serve", "-o", "json", ...flags], this.#options());
    this.#serve.stderr.on("data", (text) => (this.#log += text));
    const said = await new Promise((done, failed) => {
      let text = "";
      this.#serve.stdout.on("data", (more) => {
        text += more;
        try {
          done(JSON.parse(text));
        } catch {
          // Not all of it yet.
        }
      });
      this.#serve.on("error", failed);
      this.#serve.on("exit", (code) => failed(new Error(`the gateway ended with ${code}: ${this.#log}`)));
    });
    this.url = said.listening;
    this.console = said.console;
    this.#variables.HOLDFAST_BASE_URL = this.url;
  }

  async #employ(name, role) {
    await this.run(["operator", "add", name, "--role", role, "--password-stdin"], { input: PASSWORD + "\n" });
  }

  /** Runs a command of the program, and answers what it printed. */
  run(words, { input = "", fails = false, variables = {} } = {}) {
    return new Promise((done, failed) => {
      const options = this.#options();
      Object.assign(options.env, variables);
      const child = execFile(binary, words, options, (error, stdout, stderr) => {
        if (error && !fails) failed(new Error(`holdfast ${words.join(" ")}: ${stderr || error.message}`));
        else done(stdout);
      });
      // A command that reads nothing may be gone before it is written to.
      child.stdin.on("error", () => {});
      child.stdin.end(input);
    });
  }

  /** Runs a command whose result is JSON. */
  async json(...words) {
    return JSON.parse(await this.run([...words, "-o", "json"]));
  }

  /** A hold of so many yuan, as the merchant's system asks for it: the address in its QR code, and its bill's number. */
  async hold(yuan, ...more) {
    const number = `3194${stamp()}${String((this.#count += 1)).padStart(6, "0")}`;
    const link = await this.run(["hold", "take", String(yuan), "--bill", number, "--no-wait", "--no-qr", ...more]);
    return { number, link: link.match(/https?:\S+/)[0] };
  }
  #count = 0;

  /** The same, confirmed by a simulated payer. */
  async held(yuan, ...more) {
    const hold = await this.hold(yuan, ...more);
    await this.run(["sim", "pay", hold.link.split("=").pop()]);
    return hold;
  }

  /** The settings of this gateway and nobody else's. */
  #options() {
    const outside = Object.entries(process.env).filter(([name]) => !name.startsWith("HOLDFAST_"));
    const ours = { HOLDFAST_DATA_DIR: join(this.room, "data"), NO_COLOR: "1", ...this.#variables };
    return { cwd: this.room, env: { ...Object.fromEntries(outside), ...ours } };
  }

  /** What it has logged. */
  get log() {
    return this.#log;
  }

  async end() {
    const serve = this.#serve;
    if (serve && serve.exitCode === null) {
      const ended = new Promise((done) => serve.once("exit", done));
      serve.removeAllListeners("exit").once("exit", () => {});
      serve.kill("SIGTERM");
      // A page that is kept fresh may hold a connection open; the second signal ends at once.
      const impatient = setTimeout(() => serve.kill("SIGTERM"), 3000);
      await Promise.race([ended, new Promise((done) => serve.once("exit", done))]);
      clearTimeout(impatient);
    }
    rmSync(this.room, { recursive: true, force: true });
  }
}

/** Somebody signs in at a console; its sessions are the context's from then on. */
export async function signIn(context, console, name, password = PASSWORD) {
  const page = await context.newPage();
  await page.goto(console + "/sign-in");
  await page.fill("#name", name);
  await page.fill("#password", password);
  await page.click("main button");
  await page.waitForURL(console + "/");
  return page;
}

/** `NAME=value` lines. */
function assigned(text) {
  return Object.fromEntries([...text.matchAll(/^(\w+)=(\S*)$/gm)].map((match) => [match[1], match[2]]));
}

/** The time in Beijing, as numbers of bills carry it. */
function stamp() {
  return new Date(Date.now() + 8 * 3600e3).toISOString().replace(/\D/g, "").slice(0, 14);
}
