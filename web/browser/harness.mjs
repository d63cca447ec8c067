/**
 * What the browser tests stand on: oversight as a process of its own, Debian's Chromium, and what has to be true of every
 * page: nothing is written to the console, nothing is asked of another host, axe finds nothing serious.
 */

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../..", import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The program that is tested. */
export const binary = process.env["OVERSIGHT"] ?? join(root, "target/release/oversight");
/** The browser; none where there is none. */
export const browserPath = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => path && existsSync(path));
/** Where screenshots go, if they are wanted. */
const shots = process.env["SCREENSHOTS"];

/** A folder with the page's files, to take them from there and not from the program. */
const fresh = process.env["FRESH_PAGE"];

/** Why nothing can be tested here; undefined where it can. */
export function obstacle() {
  if (!existsSync(binary)) return `there is no ${binary}; build it first (make build)`;
  if (!browserPath) return "no Chromium (apt install chromium)";
  return undefined;
}

/** The hash of a password, as a person makes it. */
export function hashOf(password) {
  return execFileSync(binary, ["key", "hash-password"], { input: `${password}\n`, encoding: "utf8" }).trim();
}

/** A running oversight with a data folder of its own. */
export class Oversight {
  /** @param {"serve" | "demo"} command */
  static async start(command, settings = {}, configuration = {}) {
    const data = mkdtempSync(join(tmpdir(), "oversight-web-"));
    const config = join(data, "oversight.yml");
    // JSON is YAML
    writeFileSync(config, JSON.stringify(configuration));
    const environment = { ...process.env, OVERSIGHT_CONFIG: config, OVERSIGHT_LISTEN: "127.0.0.1:0", OVERSIGHT_DATA_DIR: join(data, "data"), OVERSIGHT_LOG_LEVEL: "warn", ...settings };
    const child = spawn(binary, [command], { env: environment, cwd: data, stdio: ["ignore", "pipe", "inherit"] });
    const self = new Oversight(child, data);
    await self.#says(/127\.0\.0\.1:(\d+)/, (found) => (self.url = `http://127.0.0.1:${found[1]}`));
    if (command === "demo") await self.#says(/look around/);
    return self;
  }

  constructor(child, data) {
    this.child = child;
    this.data = data;
    this.text = "";
    child.stdout.on("data", (bytes) => (this.text += bytes));
  }

  async #says(pattern, then = () => {}) {
    for (let waited = 0; waited < 180_000; waited += 50) {
      const found = pattern.exec(this.text);
      if (found) return then(found);
      assert.equal(this.child.exitCode, null, `oversight ended: ${this.text}`);
      await new Promise((done) => setTimeout(done, 50));
    }
    assert.fail(`oversight did not say ${pattern} within three minutes: ${this.text}`);
  }

  /** Sends events, and waits until they are stored. */
  async send(...events) {
    const body = events.map((event) => JSON.stringify(event)).join("\n");
    const answer = await fetch(`${this.url}/v1/events`, { method: "POST", headers: { "content-type": "application/x-ndjson" }, body });
    assert.equal(answer.status, 200, await answer.text());
    await this.drained();
  }

  async drained() {
    for (let waited = 0; waited < 60_000; waited += 50) {
      const status = await (await fetch(`${this.url}/v1/status`)).json();
      if (status.spool.events === 0 && status.accounts.received > 0) return;
      await new Promise((done) => setTimeout(done, 50));
    }
    assert.fail("events still wait after a minute");
  }

  async stop() {
    const ended = new Promise((done) => this.child.once("exit", done));
    this.child.kill(this.child.spawnargs.includes("demo") ? "SIGINT" : "SIGTERM");
    await ended;
    rmSync(this.data, { recursive: true, force: true });
  }
}

/** A name that somebody else has lead to this machine. */
export const STRANGER = "evil.example";

/** Starts the browser. */
export function launch() {
  const names = [`--host-resolver-rules=MAP ${STRANGER} 127.0.0.1`, "--no-proxy-server"];
  return chromium.launch({ executablePath: browserPath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", ...names] });
}

/** A page that remembers what must not happen on it. */
export async function open(browser, url, path, { scheme = "light", width = 1360, height = 900 } = {}) {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height }, timezoneId: "UTC", locale: "en-GB" });
  if (fresh) await takeFresh(context, url);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.faults = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && page.faults.push(message.text()));
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.on("dialog", (dialog) => {
    page.faults.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) page.faults.push(`asked another host: ${request.url().slice(0, 200)}`);
  });
  await page.goto(`${url}${path}`);
  await settled(page);
  return page;
}

/** Answers for the page's files from a folder, with the headers that the program gives: for work on the page without building the program. */
async function takeFresh(context, url) {
  const { headers } = await fetch(`${url}/ui/`);
  await context.route(`${url}/ui/**`, async (route) => {
    const path = new URL(route.request().url()).pathname.slice("/ui/".length);
    const file = join(fresh, existsSync(join(fresh, path)) && path !== "" ? path : "index.html");
    const kind = { js: "text/javascript", css: "text/css", svg: "image/svg+xml" }[file.split(".").pop()] ?? "text/html; charset=utf-8";
    await route.fulfill({ status: 200, contentType: kind, headers: { "content-security-policy": headers.get("content-security-policy") ?? "" }, body: readFileSync(file) });
  });
}

/** How long something may take before it has failed, on a machine that has other things to do. */
const PATIENCE = 60_000;

/** Waits until nothing is loading any more; the live stream never ends, so the network is no measure. */
export async function settled(page) {
  await page.waitForSelector("main h1", { timeout: PATIENCE });
  await page.waitForFunction(() => !document.querySelector("[aria-busy=true]") && !/(Loading|Searching|Asking|asking again,?) …/.test(document.querySelector("main")?.textContent ?? ""), undefined, { timeout: PATIENCE });
  // what was asked for meanwhile is drawn in the next frames
  await page.waitForTimeout(400);
}

/** Takes a picture, if pictures are wanted. */
export async function shoot(page, name, options = {}) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  // what stays at the top of the window would lie over the middle of a long page
  if (options.fullPage) await page.evaluate(() => window.scrollTo(0, 0));
  await page.screenshot({ path: join(shots, `${name}.png`), ...options });
}

/** Nothing happened that must not, axe finds nothing serious, and nothing is wider than the window. */
export async function isSound(page, name, withAxe = true) {
  assert.deepEqual(page.faults, [], name);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 1, `${name}: ${wide} pixels wider than the window`);
  if (!withAxe) return;
  // through the debugger's door, because the page's own policy lets no foreign script in
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  const serious = found.violations.filter((one) => ["serious", "critical"].includes(one.impact));
  const shown = serious.map((one) => `${one.id}: ${one.help}\n${one.nodes.slice(0, 4).map((node) => `    ${node.html.slice(0, 200)}\n      ${node.failureSummary}`).join("\n")}`);
  assert.deepEqual(shown, [], name);
}
