/** The page where one has to log in. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hashOf, isSound, open, Oversight, settled, shoot } from "./harness.mjs";

/**
 * The form, the session, and what a role may not.
 * @param given `browser`.
 */
export function behindAPassword(given) {
  const password = "correct horse battery staple";
  let oversight;
  before(async () => {
    oversight = await Oversight.start("serve", {}, { security: { users: [{ name: "ana", roles: ["read"], password_hash: hashOf(password) }] } });
  });
  after(() => oversight?.stop());

  test("a form asks who it is, and lets in who may look", async () => {
    const page = await open(given.browser, oversight.url, "/ui/events");
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
}
