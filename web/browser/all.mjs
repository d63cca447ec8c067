/** The page in a real browser: over the demo's data in each store, over nothing, over what attackers write, and behind a password. */

import { after, before, describe } from "node:test";
import { besides } from "./besides.mjs";
import { sameOverEveryStore } from "./demo.mjs";
import { Engine, installed } from "./engine.mjs";
import { firstAndWorst } from "./first.mjs";
import { isSound, launch, obstacle, Oversight, shoot } from "./harness.mjs";
import { behindAPassword } from "./login.mjs";
import { cards } from "./cards.mjs";

/** Says loudly why something is not tried here; where all has to be, that is a failure. */
function skipped(reason) {
  if (!reason) return false;
  if (process.env["OVERSIGHT_REQUIRE_ALL"]) throw new Error(reason);
  console.error(`web: SKIPPED: ${reason}`);
  return reason;
}

describe("the page", { skip: skipped(obstacle()) }, () => {
  const given = { browser: undefined, url: undefined, shoot, isSound };
  before(async () => {
    given.browser = await launch();
  });
  after(() => given.browser?.close());

  describe("over the demo's data in the embedded index", () => {
    let demo;
    before(async () => {
      demo = await Oversight.start("demo");
      given.url = demo.url;
    });
    after(() => demo?.stop());
    besides(given);
    sameOverEveryStore(given);
  });

  const place = installed();
  describe("over the demo's data in Elasticsearch", { skip: skipped(place.obstacle) }, () => {
    // how it looks was looked at above
    const same = { ...given, shoot: async () => {}, isSound: (page, name) => isSound(page, name, false) };
    let engine;
    let demo;
    before(async () => {
      engine = await Engine.start(place);
      demo = await Oversight.start("demo", { OVERSIGHT_STORE_ELASTICSEARCH_URL: engine.url });
      await engine.refresh();
      Object.assign(same, { browser: given.browser, url: demo.url });
    });
    after(async () => {
      await demo?.stop();
      await engine?.stop();
    });
    sameOverEveryStore(same);
  });

  describe("over nothing, and over what attackers write", () => firstAndWorst(given));
  describe("over a model of one's own", () => cards(given));
  describe("behind a password", () => behindAPassword(given));
});
