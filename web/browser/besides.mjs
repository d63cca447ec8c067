/** The page over the demo's data: what no store has to do with, tried over one of them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { open, settled } from "./harness.mjs";
import { text } from "./demo.mjs";

/**
 * How it looks, how fast it is, and what it shows beside events.
 * @param given as for the tests over every store.
 */
export function besides(given) {
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
        const page = await open(given.browser, given.url, path, options);
        await given.shoot(page, `${name}-${look}`, { fullPage: look === "narrow" });
        // what axe looks at is the same in a narrow window
        await given.isSound(page, `${name} ${look}`, look !== "narrow");
        await page.context().close();
      }
    });
  }

  test("the first view is small and there in a second", async () => {
    const page = await open(given.browser, given.url, "/ui/");
    const { bytes, ready } = await page.evaluate(() => {
      const own = performance.getEntriesByType("resource").filter((one) => /\/ui\//.test(one.name));
      const [navigation] = performance.getEntriesByType("navigation");
      return { bytes: own.reduce((sum, one) => sum + one.encodedBodySize, navigation.encodedBodySize), ready: navigation.domContentLoadedEventEnd };
    });
    console.log(`first view of Now: ${bytes} bytes over the wire, ready after ${Math.round(ready)} ms`);
    assert.ok(bytes < 300_000, `${bytes} bytes`);
    await page.context().close();
  });

  test("a hundred thousand points are drawn, and drawn again at once", async () => {
    const page = await open(given.browser, given.url, "/ui/metrics");
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
    const page = await open(given.browser, given.url, "/ui/models");
    const models = await text(page);
    for (const word of ["judges since", "Drift of the inputs", "Shadow comparison", "Quality on whole records"]) assert.ok(models.includes(word), word);
    await page.locator("summary", { hasText: /^\d+ classes$/ }).first().click();
    await given.shoot(page, "models-classes-light", { fullPage: true });
    await page.goto(`${given.url}/ui/health`);
    await settled(page);
    const health = await text(page);
    assert.match(health, /It adds up\./);
    assert.match(health, /There are none: everything that came in could be read and stored/);
    assert.match(health, /zeek: [\d,]+ of [\d,]+ events are connections; of the 8 facts that the model looks at \d+ are told as they are/);
    await page.getByText(/^zeek: /).first().click();
    await page.getByRole("row", { name: /^the name that was asked for/ }).waitFor();
    await page.getByRole("row", { name: /^failed logins 100 %/ }).waitFor();
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test("all of it can be reached by keyboard", async () => {
    const page = await open(given.browser, given.url, "/ui/");
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
}
