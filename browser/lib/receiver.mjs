// A merchant's receiver of notices, and whether a notice can be believed: by the official rule, written here once more
// and sharing nothing with the gateway.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

export class Receiver {
  static async start() {
    const receiver = new Receiver();
    await new Promise((done) => receiver.#server.listen(0, "127.0.0.1", done));
    receiver.url = `http://127.0.0.1:${receiver.#server.address().port}/notify`;
    return receiver;
  }

  /** Bodies as they came. */
  bodies = [];
  #waiting = [];
  #server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (more) => (body += more));
    request.on("end", () => {
      this.bodies.push(body);
      response.end("SUCCESS");
      this.#waiting = this.#waiting.filter((wait) => !wait(body));
    });
  });

  /** The first notice for which `wanted(pairs)` holds, come or still to come. */
  notice(wanted, patience = 15_000) {
    const fits = (body) => wanted(Object.fromEntries(new URLSearchParams(body)));
    const come = this.bodies.find(fits);
    if (come !== undefined) return Promise.resolve(come);
    return new Promise((done, failed) => {
      const late = setTimeout(() => failed(new Error(`no such notice among ${this.bodies.length}`)), patience);
      this.#waiting.push((body) => {
        if (!fits(body)) return false;
        clearTimeout(late);
        done(body);
        return true;
      });
    });
  }

  end() {
    this.#server.closeAllConnections();
    return new Promise((done) => this.#server.close(done));
  }
}

/** Whether a notice was signed with the key: pairs with a value by name, joined, the key behind them, digested. */
export function believed(body, key) {
  const pairs = [...new URLSearchParams(body)];
  const { sign, signType } = Object.fromEntries(pairs);
  const signed = pairs.filter(([name, value]) => name !== "sign" && value !== "");
  signed.sort(([a], [b]) => (a < b ? -1 : 1));
  const text = signed.map(([name, value]) => `${name}=${value}`).join("&") + key;
  const digest = createHash(signType === "SHA256" ? "sha256" : "md5").update(text, "utf8").digest("hex");
  return sign === digest.toUpperCase();
}
