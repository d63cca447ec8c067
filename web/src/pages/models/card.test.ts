import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { read } from "./card";

describe("cards", () => {
  it("are read as they ship", () => {
    const card = read(JSON.parse(readFileSync(new URL("../../../../models/kdd99/card.json", import.meta.url), "utf8")));
    expect(card.features).toBe(41);
    expect(card.qualities.map((one) => one.name)).toContain("on whole records");
    for (const quality of card.qualities) {
      expect(quality.accuracy).toBeGreaterThan(0.9);
      expect(quality.classes.length).toBeGreaterThan(10);
    }
  });

  it("may lack anything", () => {
    for (const odd of [{}, { quality: [] }, { quality: { a: null, b: { distinct: 1 } }, labels: "x", schema: 7 }]) {
      expect(read(odd)).toMatchObject({ features: 0, labels: [], qualities: [] });
    }
    expect(read({ quality: { test: { accuracy: 0.5, per_class: { a: {} } } } }).qualities[0]).toMatchObject({ name: "test", accuracy: 0.5 });
  });
});
