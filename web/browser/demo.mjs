/** The page over the demo's data: what it shows and does, whichever store the data lie in. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { open, settled } from "./harness.mjs";

export const text = (page) => page.locator("main").innerText();

/**
 * Tests that are true over every store.
 * @param given `browser`, the page's `url`, and how to `shoot` and what `isSound`.
 */
export function sameOverEveryStore(given) {
  test("now tells what is going on, and leads on", async () => {
    const page = await open(given.browser, given.url, "/");
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

  test("events are searched, narrowed, brushed and looked into", async () => {
    // wider than the day there is, or a minute that goes by takes an event out of the count
    const page = await open(given.browser, given.url, "/ui/events?from=now-2d");
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
    await given.shoot(page, "events-one-light");
    await given.isSound(page, "an event");
    await page.getByRole("tab", { name: "Metrics" }).click();
    assert.match(await page.getByRole("tabpanel").innerText(), /expected .*, usually .* to /);
    await page.getByRole("tab", { name: "Fields" }).click();
    await given.shoot(page, "events-fields-light");
    await page.getByRole("tabpanel").getByRole("button", { name: "zeek", exact: true }).click();
    await settled(page);
    assert.match(new URL(page.url()).searchParams.get("f"), /oversight\.features\.dialect/);
    await page.getByRole("tab", { name: "JSON" }).click();
    assert.match(await page.getByRole("tabpanel").innerText(), /"classification"/);
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test("an explained verdict says why in words, and what would be normal", async () => {
    const page = await open(given.browser, given.url, "/ui/events?q=_exists_:oversight.classification.counterfactual.text%20AND%20oversight.classification.verdict:known");
    await page.getByRole("row").nth(1).click();
    await page.waitForSelector("[role=tabpanel]");
    const told = await page.getByRole("tabpanel").innerText();
    assert.match(told, /known attack\s+\w+, .* sure/);
    assert.match(told, /speaks (for|against) it/);
    assert.match(told, /Normal if /);
    assert.doesNotMatch(told, /flow_/, "features are said in words");
    await given.shoot(page, "events-why-light");
    await page.context().close();
    const dark = await open(given.browser, given.url, new URL(page.url()).pathname + new URL(page.url()).search, { scheme: "dark" });
    await dark.waitForSelector("[role=tabpanel]");
    await given.shoot(dark, "events-why-dark");
    await given.isSound(dark, "an explained event in the dark");
    await dark.context().close();
  });

  test("the table goes on as far as one scrolls, and holds only what is seen", async () => {
    const page = await open(given.browser, given.url, "/ui/events");
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
    const page = await open(given.browser, given.url, `/ui/events?q=${encodeURIComponent("a:[1 TO")}`);
    assert.match(await page.getByRole("alert").first().innerText(), /cannot be understood/);
    await page.context().close();
  });

  test("a series has its band and what stood out, and the way there is a click on what was found", async () => {
    const page = await open(given.browser, given.url, "/ui/");
    await page.getByRole("link", { name: /connections from 203\.0\.113\.66/ }).first().click();
    await settled(page);
    await page.waitForSelector(".u-over");
    const shown = await text(page);
    assert.match(shown, /203\.0\.113\.66/);
    assert.match(shown, /unusual values as a table/);
    await given.shoot(page, "series-light");
    await given.isSound(page, "a series");
    await page.getByRole("button", { name: "Compare with a week before" }).click();
    await settled(page);
    assert.match(await text(page), /a week before/);
    await page.goto(`${given.url}/ui/metrics?metric=connections&from=now-6h`);
    await settled(page);
    await page.waitForSelector(".u-over");
    await given.shoot(page, "series-all-dark");
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test("what is looked at is exported", async () => {
    const page = await open(given.browser, given.url, "/ui/events?from=now-2d&q=oversight.classification.label:dos");
    const total = Number(/([\d,]+) events/.exec(await page.getByRole("status").filter({ hasText: "events" }).innerText())[1].replaceAll(",", ""));
    const lines = async (name) => {
      const link = await page.getByRole("link", { name, exact: true }).getAttribute("href");
      const answer = await fetch(new URL(link, given.url));
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
}
