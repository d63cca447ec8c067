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

  it("tell which class was taken for which, and how sure it was", () => {
    const confusion = { scan: { scan: 3, normal: 1 }, normal: { normal: 9 }, dos: {} };
    const whole = { accuracy: 0.9, per_class: {}, confusion, calibration: [{ confidence: 0.8, right: 0.75, records: 4 }, { confidence: "much" }] };
    const [quality] = read({ quality: { whole } }).qualities;
    expect(quality?.confusion).toEqual({
      classes: ["normal", "scan", "dos"],
      rows: [
        { label: "normal", records: 9, cells: [9, 0, 0] },
        { label: "scan", records: 4, cells: [1, 3, 0] },
      ],
    });
    expect(quality?.said).toEqual([{ confidence: 0.8, right: 0.75, records: 4 }]);
    for (const odd of [undefined, [], { a: 7 }, {}]) {
      const [one] = read({ quality: { whole: { accuracy: 1, confusion: odd ?? null, calibration: odd ?? null } } }).qualities;
      expect([one?.confusion?.rows ?? [], one?.said]).toEqual([[], []]);
    }
  });

  it("may lack anything", () => {
    for (const odd of [{}, { quality: [] }, { quality: { a: null, b: { distinct: 1 } }, labels: "x", schema: 7 }]) {
      expect(read(odd)).toMatchObject({ features: 0, labels: [], qualities: [] });
    }
    expect(read({ quality: { test: { accuracy: 0.5, per_class: { a: {} } } } }).qualities[0]).toMatchObject({ name: "test", accuracy: 0.5 });
  });
});
