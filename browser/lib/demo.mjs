// `holdfast demo` as people start it: what it prints is all that anybody knows.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary } from "./gateway.mjs";

export class Demo {
  /** Starts one, and reads where its console is and who may use it. */
  static async start() {
    const demo = new Demo();
    try {
      await demo.#open();
      return demo;
    } catch (error) {
      await demo.end();
      throw error;
    }
  }

  room = mkdtempSync(join(tmpdir(), "holdfast-demo-"));
  #process;

  async #open() {
    const outside = Object.entries(process.env).filter(([name]) => !name.startsWith("HOLDFAST_"));
    const env = { ...Object.fromEntries(outside), NO_COLOR: "1", TMPDIR: this.room };
    this.#process = spawn(binary, ["demo"], { cwd: this.room, env });
    let said = "";
    await new Promise((done, failed) => {
      this.#process.stdout.on("data", (text) => {
        said += text;
        if (said.includes("listening on ")) done();
      });
      this.#process.once("exit", (code) => failed(new Error(`the demo ended with ${code}: ${said}`)));
    });
    const [, console, name, password] = said.match(/With a browser alone.*?(http:\S+).*?name\s+(\S+)\s+password\s+(\S+)/s);
    const [, second] = said.match(/takes a second person: (\w+)/);
    const [, key] = said.match(/HOLDFAST_APP_KEY=(\S+)/);
    Object.assign(this, { console, name, password, second, key, url: said.match(/listening on (\S+)/)[1] });
  }

  async end() {
    const demo = this.#process;
    if (demo && demo.exitCode === null) {
      const ended = new Promise((done) => demo.removeAllListeners("exit").once("exit", done));
      demo.kill("SIGINT");
      const impatient = setTimeout(() => demo.kill("SIGINT"), 3000);
      await ended;
      clearTimeout(impatient);
    }
    rmSync(this.room, { recursive: true, force: true });
  }
}
