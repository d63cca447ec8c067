/** The card of a model that was trained just now: which class was taken for which, and how sure it was. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { binary, isSound, open, Oversight, shoot } from "./harness.mjs";

const SPEC = `name: logins
label: verdict
normal: [fine]
features:
  - {name: failures, field: failures, kind: number, curve: log1p}
  - {name: seconds, field: seconds, kind: number}
labels:
  guessing: {category: credentials, risk: 80}
  spraying: {category: credentials, risk: 80}
`;

/** Logins whose classes overlap, so that some are taken for others. */
function logins() {
  const rows = [];
  for (let row = 0; row < 240; row += 1) {
    rows.push({ failures: row % 5, seconds: (row * 7) % 31, verdict: "fine", row });
    rows.push({ failures: 3 + (row % 60), seconds: (row * 5) % 29, verdict: "guessing", row });
    rows.push({ failures: 40 + (row % 60), seconds: (row * 3) % 29, verdict: "spraying", row });
  }
  return rows.map((row) => JSON.stringify(row)).join("\n");
}

/**
 * Trains a small model, lets it judge, and looks at its card.
 * @param given `browser`.
 */
export function cards(given) {
  let folder;
  let oversight;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "oversight-card-"));
    const [spec, records, model, data] = ["spec.yml", "logins.ndjson", "model", "data"].map((name) => join(folder, name));
    writeFileSync(spec, SPEC);
    writeFileSync(records, logins());
    const settings = { OVERSIGHT_DATA_DIR: data };
    const run = (...words) => execFileSync(binary, words, { env: { ...process.env, ...settings }, stdio: ["ignore", "ignore", "pipe"] });
    run("train", "own", "--epochs", "10", "--spec", spec, "--data", records, "--into", model);
    run("model", "import", model);
    oversight = await Oversight.start("serve", { ...settings, OVERSIGHT_CLASSIFY_MODEL: "stored:logins/1" });
  });
  after(async () => {
    await oversight?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  test("a card tells what was taken for what, and whether its probabilities mean what they say", async () => {
    for (const scheme of ["light", "dark"]) {
      const page = await open(given.browser, oversight.url, "/ui/models", { scheme });
      await page.locator("summary", { hasText: /^Confusion matrix: [\d,]+ records/ }).click();
      const matrix = page.getByRole("region", { name: /^Confusion matrix/ });
      for (const label of ["normal", "guessing", "spraying"]) {
        await matrix.getByRole("columnheader", { name: label }).waitFor();
        assert.match(await matrix.getByRole("row", { name: new RegExp(`^${label} `) }).innerText(), /\d+\s+[\d.<> ]+ %/);
      }
      await page.locator("summary", { hasText: /^Calibration:/ }).click();
      await page.getByRole("img", { name: /^Calibration/ }).waitFor();
      assert.match(await page.getByRole("region", { name: /^Calibration/ }).innerText(), /% sure/);
      await shoot(page, `models-confusion-${scheme}`, { fullPage: true });
      await isSound(page, `a card, ${scheme}`);
      await page.context().close();
    }
  });

  test("a card without them says so", async () => {
    const page = await open(given.browser, oversight.url, "/ui/models");
    await page.route("**/v1/models/logins/*", async (route) => {
      const answer = await route.fetch();
      const body = await answer.json();
      delete body.card.quality.whole.confusion;
      delete body.card.quality.whole.calibration;
      await route.fulfill({ response: answer, json: body });
    });
    await page.reload();
    await page.getByText(/taken for which, .* this card does not say/).first().waitFor();
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });
}
