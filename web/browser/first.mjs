/** The page over nothing, and over what attackers write into events. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hostile, MEGABYTE } from "./hostile.mjs";
import { isSound, open, Oversight, shoot, STRANGER } from "./harness.mjs";
import { text } from "./demo.mjs";

/**
 * The first run, and the worst that can be sent.
 * @param given `browser`.
 */
export function firstAndWorst(given) {
  let oversight;
  before(async () => {
    oversight = await Oversight.start("serve");
  });
  after(() => oversight?.stop());

  test("the first run says what to do, and a test event shows that it works", async () => {
    const page = await open(given.browser, oversight.url, "/ui/");
    const shown = await text(page);
    assert.match(shown, /Nothing has come in yet/);
    assert.ok(shown.includes(`url => "${oversight.url}/"`), "the snippet has this host's address");
    await shoot(page, "first-light");
    await isSound(page, "the first run");
    await page.getByRole("button", { name: "Send a test event" }).click();
    await page.getByRole("heading", { name: "Now", exact: true }).waitFor();
    await page.getByText("192.0.2.10").waitFor();
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test("the simulator runs from the page, says how far it is, and stops when told", async () => {
    const other = await Oversight.start("serve");
    try {
      const page = await open(given.browser, other.url, "/ui/");
      await page.getByRole("button", { name: "Run the simulator for a minute" }).click();
      await page.getByRole("heading", { name: "Now", exact: true }).waitFor();
      await page.getByText(/[\d,]+ events of a made-up day/).waitFor();
      await page.getByText(/[3-9],000 events of a made-up day/).waitFor();
      await isSound(page, "while the simulator runs");
      await page.getByRole("button", { name: "Stop" }).click();
      await page.getByRole("button", { name: "Stop" }).waitFor({ state: "detached" });
      const { accounts } = await (await fetch(`${other.url}/v1/status`)).json();
      assert.ok(accounts.received >= 3_000 && accounts.received < 60_000, JSON.stringify(accounts));
      assert.deepEqual(page.faults, []);
      await page.context().close();
    } finally {
      await other.stop();
    }
  });

  test("what attackers write into events is text on every page", async () => {
    const events = hostile();
    await oversight.send(...events);
    const broken = await fetch(`${oversight.url}/v1/events`, { method: "POST", headers: { "content-type": "application/json" }, body: `[{"a":1},{"<script>window.hacked=1</script>\u202e": }]` });
    assert.equal(broken.status, 200);
    for (const path of ["/ui/", "/ui/events?from=", "/ui/metrics", "/ui/health", "/ui/events?from=&columns=message%0Auser.name%0A<img src=x onerror=window.hacked=1>"]) {
      const page = await open(given.browser, oversight.url, path);
      await isHarmless(page, path);
      if (path.startsWith("/ui/events?from=") && !path.includes("columns")) {
        await shoot(page, "hostile-events-light");
        for (let row = 1; row <= events.length + 1; row += 1) await lookInto(page, row);
      }
      if (path === "/ui/health") await shoot(page, "hostile-health-light", { fullPage: true });
      await isSound(page, path);
      await page.context().close();
    }
  });

  async function lookInto(page, row) {
    await page.locator(`[role=row][aria-rowindex="${row + 1}"]`).click();
    await page.waitForSelector("[role=tabpanel]");
    for (const name of ["Verdict", "Metrics", "Fields", "JSON"]) {
      await page.getByRole("tab", { name }).click();
      await isHarmless(page, `event ${row} ${name}`);
      if (name === "Fields" && row === 2) await shoot(page, "hostile-fields-light");
    }
  }

  async function isHarmless(page, where) {
    const found = await page.evaluate(() => ({
      hacked: window.hacked,
      foreign: [...document.querySelectorAll("main script, main img, main iframe, main object, main embed, main form[action], main base, main meta, main link")].map((one) => one.outerHTML.slice(0, 100)),
      hidden: /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/.test(document.body.textContent ?? ""),
      length: document.body.textContent?.length ?? 0,
      links: [...document.querySelectorAll("main a")].map((one) => one.getAttribute("href")).filter((href) => !/^(\/ui\/|\/v1\/)/.test(href ?? "")),
    }));
    assert.deepEqual(found, { hacked: undefined, foreign: [], hidden: false, length: found.length, links: [] }, where);
    assert.ok(found.length < MEGABYTE / 4, `${where}: ${found.length} characters`);
  }

  test("a dead letter says why it is one, and is sent again", async () => {
    const page = await open(given.browser, oversight.url, "/ui/health");
    const letters = page.getByRole("region", { name: "Dead letters" }).last();
    await letters.getByRole("row").nth(1).waitFor();
    await page.getByRole("button", { name: "Try sending all again" }).click();
    await page.getByText(/would be sent again/).waitFor();
    await page.getByRole("button", { name: /Send letter \d+ again/ }).first().click();
    await page.getByText(/were sent again/).waitFor();
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test("a site that has its own name lead here sees nothing and changes nothing", async () => {
    const context = await given.browser.newContext();
    const page = await context.newPage();
    const answer = await page.goto(`${oversight.url.replace("127.0.0.1", STRANGER)}/ui/`);
    assert.equal(answer.status(), 403);
    for (const [method, path] of [["GET", "/v1/search"], ["GET", "/v1/status/live"], ["POST", "/v1/events"], ["POST", "/v1/models/rollback"]]) {
      const status = await page.evaluate(([method, path]) => fetch(path, { method }).then((reply) => reply.status), [method, path]);
      assert.equal(status, 403, `${method} ${path}`);
    }
    await context.close();
  });

  test("a page of another site can change nothing", async () => {
    const answer = await fetch(`${oversight.url}/v1/models/rollback`, { method: "POST", headers: { origin: "https://evil.example", "sec-fetch-site": "cross-site" } });
    assert.equal(answer.status, 403);
  });
}
