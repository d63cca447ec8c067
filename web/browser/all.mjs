/** The page in a real browser, over the demo's data, over nothing, and over what attackers write into events. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { hostile, MEGABYTE } from "./hostile.mjs";
import { hashOf, isSound, launch, obstacle, open, Oversight, settled, shoot } from "./harness.mjs";

const reason = obstacle();
if (reason && process.env["OVERSIGHT_REQUIRE_ALL"]) throw new Error(reason);
if (reason) console.error(`web: SKIPPED: ${reason}`);

const text = (page) => page.locator("main").innerText();

describe("the page", { skip: reason ?? false }, () => {
  let browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser?.close());

  describe("over the demo's data", () => {
    let demo;
    before(async () => {
      demo = await Oversight.start("demo");
    });
    after(() => demo?.stop());

    const views = [
      ["now", "/ui/"],
      ["events", "/ui/events"],
      ["metrics", "/ui/metrics"],
      ["models", "/ui/models"],
      ["health", "/ui/health"],
    ];
    for (const [name, path] of views) {
      test(`${name} is sound in light, dark and narrow`, async () => {
        for (const [look, options] of [
          ["light", {}],
          ["dark", { scheme: "dark" }],
          ["narrow", { width: 390, height: 844 }],
        ]) {
          const page = await open(browser, demo.url, path, options);
          await shoot(page, `${name}-${look}`, { fullPage: look === "narrow" });
          // what axe looks at is the same in a narrow window
          await isSound(page, `${name} ${look}`, look !== "narrow");
          await page.context().close();
        }
      });
    }

    test("now tells what is going on, and leads on", async () => {
      const page = await open(browser, demo.url, "/");
      assert.equal(new URL(page.url()).pathname, "/ui/", "a browser that looks at / is shown the page");
      const shown = await text(page);
      for (const word of ["Attacks", "Unknown", "Anomalies", "Loudest metrics", "203.0.113.66", "Strongest anomalies"]) assert.ok(shown.includes(word), `${word} in ${shown}`);
      await page.getByRole("link", { name: /^Attacks/ }).click();
      await settled(page);
      assert.equal(new URL(page.url()).pathname, "/ui/events");
      assert.match(await text(page), /[\d,]+ events/);
      assert.deepEqual(page.faults, []);
      await page.context().close();
    });

    test("the first view is small and there in a second", async () => {
      const page = await open(browser, demo.url, "/ui/");
      const { bytes, ready } = await page.evaluate(() => {
        const own = performance.getEntriesByType("resource").filter((one) => /\/ui\//.test(one.name));
        const [navigation] = performance.getEntriesByType("navigation");
        return { bytes: own.reduce((sum, one) => sum + one.encodedBodySize, navigation.encodedBodySize), ready: navigation.domContentLoadedEventEnd };
      });
      console.log(`first view of Now: ${bytes} bytes over the wire, ready after ${Math.round(ready)} ms`);
      assert.ok(bytes < 300_000, `${bytes} bytes`);
      await page.context().close();
    });

    test("events are searched, narrowed, brushed and looked into", async () => {
      const page = await open(browser, demo.url, "/ui/events");
      const total = async () => Number(/([\d,]+) events/.exec(await page.getByRole("status").filter({ hasText: "events" }).innerText())[1].replaceAll(",", ""));
      const all = await total();
      assert.ok(all > 50_000, `${all}`);
      await page.getByRole("searchbox").fill("oversight.classification.category:scan");
      await page.getByRole("button", { name: "Search" }).click();
      await settled(page);
      const probes = await total();
      assert.ok(probes > 0 && probes < all, `${probes} of ${all}`);
      // a facet narrows, and its pill widens again
      await page.getByRole("complementary").getByRole("button").first().click();
      await settled(page);
      const narrowed = await total();
      assert.ok(narrowed > 0 && narrowed <= probes, `${narrowed} of ${probes}`);
      await page.getByRole("list", { name: "Filters" }).getByRole("button", { name: /without the filter/ }).click();
      await settled(page);
      assert.equal(await total(), probes);
      // the brush
      const plot = await page.locator(".u-over").boundingBox();
      await page.mouse.move(plot.x + plot.width * 0.6, plot.y + 40);
      await page.mouse.down();
      await page.mouse.move(plot.x + plot.width * 0.9, plot.y + 42, { steps: 8 });
      await page.mouse.up();
      await settled(page);
      const params = new URL(page.url()).searchParams;
      assert.match(params.get("from"), /^\d+$/);
      assert.ok((await total()) <= probes);
      // back is back
      await page.goBack();
      await settled(page);
      assert.equal(await total(), probes);
      // one event
      await page.getByRole("row").nth(1).click();
      await page.waitForSelector("[role=tabpanel]");
      const verdict = await page.getByRole("tabpanel").innerText();
      assert.match(verdict, /How probable each class is/);
      assert.match(verdict, /Novelty/);
      await shoot(page, "events-one-light");
      await isSound(page, "an event");
      await page.getByRole("tab", { name: "Metrics" }).click();
      assert.match(await page.getByRole("tabpanel").innerText(), /expected .*, usually .* to /);
      await page.getByRole("tab", { name: "Fields" }).click();
      await shoot(page, "events-fields-light");
      await page.getByRole("tabpanel").getByRole("button", { name: "zeek", exact: true }).click();
      await settled(page);
      assert.match(new URL(page.url()).searchParams.get("f"), /oversight\.features\.dialect/);
      await page.getByRole("tab", { name: "JSON" }).click();
      assert.match(await page.getByRole("tabpanel").innerText(), /"classification"/);
      assert.deepEqual(page.faults, []);
      await page.context().close();
    });

    test("an explained verdict says why in words, and what would be normal", async () => {
      const page = await open(browser, demo.url, "/ui/events?q=_exists_:oversight.classification.counterfactual.text%20AND%20oversight.classification.verdict:known");
      await page.getByRole("row").nth(1).click();
      await page.waitForSelector("[role=tabpanel]");
      const told = await page.getByRole("tabpanel").innerText();
      assert.match(told, /known attack\s+\w+, .* sure/);
      assert.match(told, /speaks (for|against) it/);
      assert.match(told, /Normal if /);
      await shoot(page, "events-why-light");
      await page.context().close();
      const dark = await open(browser, demo.url, new URL(page.url()).pathname + new URL(page.url()).search, { scheme: "dark" });
      await dark.waitForSelector("[role=tabpanel]");
      await shoot(dark, "events-why-dark");
      await isSound(dark, "an explained event in the dark");
      await dark.context().close();
    });

    test("the table goes on as far as one scrolls, and holds only what is seen", async () => {
      const page = await open(browser, demo.url, "/ui/events");
      const grid = page.getByRole("grid");
      for (let times = 0; times < 6; times += 1) {
        await grid.evaluate((box) => box.scrollTo(0, box.scrollHeight));
        await page.waitForTimeout(250);
        await settled(page);
      }
      const rows = await grid.getByRole("row").count();
      assert.ok(rows < 90, `${rows} rows`);
      const last = Number(await grid.getByRole("row").last().getAttribute("aria-rowindex"));
      assert.ok(last > 600, `reached row ${last}`);
      await page.context().close();
    });

    test("a wrong query says what is wrong with it", async () => {
      const page = await open(browser, demo.url, `/ui/events?q=${encodeURIComponent("a:[1 TO")}`);
      assert.match(await page.getByRole("alert").first().innerText(), /cannot be understood/);
      await page.context().close();
    });

    test("a series has its band and what stood out, and the way there is a click on what was found", async () => {
      const page = await open(browser, demo.url, "/ui/");
      await page.getByRole("link", { name: /connections from 203\.0\.113\.66/ }).first().click();
      await settled(page);
      await page.waitForSelector(".u-over");
      const shown = await text(page);
      assert.match(shown, /203\.0\.113\.66/);
      assert.match(shown, /unusual values as a table/);
      await shoot(page, "series-light");
      await isSound(page, "a series");
      await page.getByRole("button", { name: "Compare with a week before" }).click();
      await settled(page);
      assert.match(await text(page), /a week before/);
      await page.goto(`${demo.url}/ui/metrics?metric=connections&from=now-6h`);
      await settled(page);
      await page.waitForSelector(".u-over");
      await shoot(page, "series-all-dark");
      assert.deepEqual(page.faults, []);
      await page.context().close();
    });

    test("a hundred thousand points are drawn, and drawn again at once", async () => {
      const page = await open(browser, demo.url, "/ui/metrics");
      const points = Array.from({ length: 100_000 }, (_, place) => ({ at: Date.now() - (100_000 - place) * 60_000, value: 50 + 40 * Math.sin(place / 700) + (place % 17), expected: 50, lower: 5, upper: 110, score: 0 }));
      await page.route("**/v1/series?*", (route) => route.fulfill({ json: { metric: "connections", entity: "", bucket_millis: 60_000, points, complete: true } }));
      await page.getByRole("link", { name: "connections", exact: true }).first().click();
      await page.waitForSelector(".u-over");
      // a new size draws all of it anew; two frames later it is on the screen
      const millis = await page.evaluate(async () => {
        const frame = () => new Promise((done) => window.requestAnimationFrame(done));
        await frame();
        const began = performance.now();
        document.querySelector("main").style.maxWidth = "60rem";
        for (let frames = 0; frames < 3; frames += 1) await frame();
        return performance.now() - began;
      });
      console.log(`100,000 points drawn again in ${Math.round(millis)} ms, three frames with them`);
      assert.ok(millis < 3000, `${millis} ms`);
      assert.deepEqual(page.faults, []);
      await page.context().close();
    });

    test("models show their card, and health adds up", async () => {
      const page = await open(browser, demo.url, "/ui/models");
      const models = await text(page);
      for (const word of ["judges since", "Drift of the inputs", "Shadow comparison", "Quality on whole records"]) assert.ok(models.includes(word), word);
      await page.locator("summary", { hasText: /^\d+ classes$/ }).first().click();
      await shoot(page, "models-classes-light", { fullPage: true });
      await page.goto(`${demo.url}/ui/health`);
      await settled(page);
      const health = await text(page);
      assert.match(health, /It adds up\./);
      assert.match(health, /There are none: everything that came in could be read and stored/);
      assert.match(health, /zeek: [\d,]+ of [\d,]+ events are connections; \d+ of 41 features as the source says them/);
      await page.getByText(/^zeek: /).first().click();
      await page.getByRole("row", { name: /^num_failed_logins 100 %/ }).waitFor();
      assert.deepEqual(page.faults, []);
      await page.context().close();
    });

    test("all of it can be reached by keyboard", async () => {
      const page = await open(browser, demo.url, "/ui/");
      const focused = () => page.evaluate(() => `${document.activeElement?.tagName} ${document.activeElement?.textContent?.slice(0, 60)}`);
      await page.keyboard.press("Tab");
      assert.match(await focused(), /Skip to the content/);
      await page.keyboard.press("Enter");
      await page.keyboard.press("Alt+Shift+KeyE");
      await settled(page);
      assert.equal(new URL(page.url()).pathname, "/ui/events");
      await page.keyboard.press("/");
      assert.match(await focused(), /^INPUT/);
      await page.keyboard.type("oversight.classification.label:dos");
      await page.keyboard.press("Enter");
      await settled(page);
      assert.match(new URL(page.url()).search, /dos/);
      // from the field to the table by Tab alone, then by arrows
      let steps = 0;
      while (!(await page.evaluate(() => document.activeElement?.getAttribute("data-place") !== null)) && steps < 120) {
        await page.keyboard.press("Tab");
        const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
        assert.notEqual(ring, "none", `${await focused()} shows that it has the focus`);
        steps += 1;
      }
      assert.ok(steps < 120, "the table is reached");
      await page.keyboard.press("ArrowDown");
      await page.waitForFunction(() => document.activeElement?.getAttribute("data-place") === "1");
      await page.keyboard.press("Enter");
      await page.waitForSelector("[role=tabpanel]");
      const tab = page.getByRole("tab", { name: "Verdict" });
      await tab.focus();
      await page.keyboard.press("ArrowRight");
      assert.match(await focused(), /Metrics/);
      await page.keyboard.press("Escape");
      await page.waitForSelector("[role=tabpanel]", { state: "detached" });
      for (const [key, path] of [["KeyM", "metrics"], ["KeyO", "models"], ["KeyH", "health"], ["KeyN", ""]]) {
        await page.keyboard.press(`Alt+Shift+${key}`);
        await settled(page);
        assert.equal(new URL(page.url()).pathname, `/ui/${path}`);
      }
      assert.deepEqual(page.faults, []);
      await page.context().close();
    });

    test("what is looked at is exported", async () => {
      const page = await open(browser, demo.url, "/ui/events?q=oversight.classification.label:dos");
      const total = Number(/([\d,]+) events/.exec(await page.getByRole("status").filter({ hasText: "events" }).innerText())[1].replaceAll(",", ""));
      const lines = async (name) => {
        const link = await page.getByRole("link", { name, exact: true }).getAttribute("href");
        const answer = await fetch(new URL(link, demo.url));
        assert.match(answer.headers.get("content-disposition"), /attachment/);
        return (await answer.text()).trimEnd().split(/\r?\n/);
      };
      const csv = await lines("CSV");
      assert.match(csv[0], /^@timestamp,/);
      assert.equal(csv.length - 1, total);
      const events = (await lines("NDJSON")).map((line) => JSON.parse(line));
      assert.equal(events.length, total);
      assert.equal(new Set(events.map((event) => event.oversight.ingest.id)).size, total, "each once, over all pages");
      await page.context().close();
    });
  });

  describe("over nothing, and over what attackers write", () => {
    let oversight;
    before(async () => {
      oversight = await Oversight.start("serve");
    });
    after(() => oversight?.stop());

    test("the first run says what to do, and a test event shows that it works", async () => {
      const page = await open(browser, oversight.url, "/ui/");
      const shown = await text(page);
      assert.match(shown, /Nothing has come in yet/);
      assert.ok(shown.includes(`url => "${oversight.url}/"`), "the snippet has this host's address");
      await shoot(page, "first-light");
      await isSound(page, "the first run");
      await page.getByRole("button", { name: "Send a test event" }).click();
      await page.getByRole("heading", { name: "Now", exact: true }).waitFor({ timeout: 15_000 });
      await page.getByText("192.0.2.10").waitFor({ timeout: 15_000 });
      assert.deepEqual(page.faults, []);
      await page.context().close();
    });

    test("the simulator runs from the page, says how far it is, and stops when told", async () => {
      const other = await Oversight.start("serve");
      try {
        const page = await open(browser, other.url, "/ui/");
        await page.getByRole("button", { name: "Run the simulator for a minute" }).click();
        await page.getByRole("heading", { name: "Now", exact: true }).waitFor({ timeout: 15_000 });
        await page.getByText(/[\d,]+ events of a made-up day/).waitFor({ timeout: 15_000 });
        await page.getByText(/[3-9],000 events of a made-up day/).waitFor({ timeout: 30_000 });
        await isSound(page, "while the simulator runs");
        await page.getByRole("button", { name: "Stop" }).click();
        await page.getByRole("button", { name: "Stop" }).waitFor({ state: "detached", timeout: 15_000 });
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
        const page = await open(browser, oversight.url, path);
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
      const page = await open(browser, oversight.url, "/ui/health");
      const letters = page.getByRole("region", { name: "Dead letters" }).last();
      await letters.getByRole("row").nth(1).waitFor();
      await page.getByRole("button", { name: "Try sending all again" }).click();
      await page.getByText(/would be sent again/).waitFor();
      await page.getByRole("button", { name: /Send letter \d+ again/ }).first().click();
      await page.getByText(/were sent again/).waitFor();
      assert.deepEqual(page.faults, []);
      await page.context().close();
    });

    test("a page of another site can change nothing", async () => {
      const answer = await fetch(`${oversight.url}/v1/models/rollback`, { method: "POST", headers: { origin: "https://evil.example", "sec-fetch-site": "cross-site" } });
      assert.equal(answer.status, 403);
    });
  });

  describe("behind a password", () => {
    const password = "correct horse battery staple";
    let oversight;
    before(async () => {
      oversight = await Oversight.start("serve", {}, { security: { users: [{ name: "ana", roles: ["read"], password_hash: hashOf(password) }] } });
    });
    after(() => oversight?.stop());

    test("a form asks who it is, and lets in who may look", async () => {
      const page = await open(browser, oversight.url, "/ui/events");
      await shoot(page, "login-light");
      await page.getByLabel("Name").fill("ana");
      await page.getByLabel("Password").fill("wrong");
      await page.getByRole("button", { name: "Log in" }).click();
      assert.match(await page.getByRole("alert").innerText(), /not valid/);
      // the browser notes what was refused, which is what was meant to happen
      page.faults = page.faults.filter((fault) => !/status of 403/.test(fault));
      await isSound(page, "the form");
      await page.getByLabel("Password").fill(password);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "Events" }).waitFor();
      await settled(page);
      await page.reload();
      await settled(page);
      assert.equal(await page.getByRole("heading", { name: "Events" }).count(), 1, "the session outlives a reload");
      const [cookie] = await page.context().cookies();
      assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Strict"]);
      // what takes more than the role is refused in words
      await page.goto(`${oversight.url}/ui/health`);
      await page.getByRole("alert").first().waitFor();
      assert.match(await page.getByRole("alert").first().innerText(), /ana may not do this/);
      await page.getByRole("button", { name: /Log out/ }).click();
      await page.getByLabel("Password").waitFor();
      await page.context().close();
    });
  });
});
