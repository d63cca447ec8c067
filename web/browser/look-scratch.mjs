import { chromium } from "playwright-core";
const out = "/work/scratch/web10/shots";
const url = "http://127.0.0.1:15173";
const api = "http://127.0.0.1:19292";
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
const status = { version: "0.1.0", at: new Date().toISOString(), started: new Date(Date.now() - 9e5).toISOString(), store: "embedded", health: { status: "ready", rooms: { spool: { state: "up" }, model: { state: "up", hint: "32 of 41 features …" }, store: { state: "up" }, dead_letters: { state: "up" } } }, accounts: { recovered: 0, received: 60279, redriven: 0, stored: 60279, repeated: 0, refused: 0, lost: 0, waiting: 0 }, difference: 0, judged: { events: 60279, attacks: 5905, anomalies: 16, series: 900, lag_seconds: 0 }, spool: { events: 0, bytes: 33e6, limit_bytes: 10e9 }, dead_letters: { events: 0, bytes: 0, limit_bytes: 1e9 }, resident_bytes: 190e6 };
const views = process.argv.slice(2).length ? process.argv.slice(2) : ["now:/ui/:light", "events:/ui/events:light"];
for (const view of views) {
  const [name, path, scheme, width] = view.split("@");
  const context = await browser.newContext({ colorScheme: scheme ?? "light", viewport: { width: Number(width ?? 1360), height: 900 }, timezoneId: "UTC" });
  const page = await context.newPage();
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && console.log(name, m.text().slice(0, 300)));
  page.on("pageerror", (e) => console.log(name, "PAGEERROR", String(e).slice(0, 600)));
  const json = (route, body) => route.fulfill({ status: 200, contentType: "application/json", body: JSON.stringify(body) });
  await page.route("**/v1/session", (r) => json(r, { needed: false, name: null, roles: ["read"], csrf: null }));
  await page.route("**/v1/status", (r) => json(r, status));
  await page.route("**/v1/status/live", (r) => r.fulfill({ status: 200, contentType: "text/event-stream", body: `event: status\ndata: ${JSON.stringify(status)}\n\n` }));
  await page.route("**/v1/search?*cursor=*", async (r) => {
    const body = JSON.parse(r.request().postData());
    const a = await fetch(`${api}/v1/search?kind=events`, { method: "POST", body: JSON.stringify({ ...body, sort: [{ "@timestamp": "desc" }] }) });
    await json(r, { ...(await a.json()), next: null });
  });
  await page.route("**/v1/events/*", async (r) => {
    const id = decodeURIComponent(r.request().url().split("/").pop());
    const a = await (await fetch(`${api}/v1/search?kind=events`, { method: "POST", body: JSON.stringify({ query: { ids: { values: [id] } } }) })).json();
    await json(r, a.hits.hits[0]);
  });
  await page.goto(url + path);
  await page.waitForSelector("main h1");
  await page.waitForTimeout(2500);
  if (name.includes("row")) { await page.locator("[role=row]").nth(1).click(); await page.waitForTimeout(800); }
  await page.screenshot({ path: `${out}/${name}.png` });
  await context.close();
}
await browser.close();
