import { describe, expect, it } from "vitest";
import { at, judged, leaves } from "./event";

const event = {
  "@timestamp": "2026-11-22T10:00:00Z",
  "id.orig_h": "10.0.0.1",
  tags: ["a", "b"],
  oversight: {
    classification: {
      label: "ipsweep", category: "probe", verdict: "known", probability: 0.9, novelty: 0.1, set: ["ipsweep"],
      top: [{ label: "ipsweep", probability: 0.9 }, "nonsense"], model: { name: "m", version: "3" },
      explanation: [{ feature: "count", value: 9, typical: 1, contribution: 2 }], counterfactual: { text: "normal if count ≤ 2", changes: [{ feature: "count", operator: "<=", value: 2 }, 7] },
    },
    anomaly: { score: 97, metrics: [{ name: "n", entity: "e", value: 400, expected: 3, lower: 0, upper: 12, score: 97, meaning: ["scan"] }] },
  },
  threat: { tactic: { id: ["TA0043"] }, technique: { id: "T1595" } },
};

describe("events", () => {
  it("are read by any way of writing a path", () => {
    expect(at(event, "id.orig_h")).toBe("10.0.0.1");
    expect(at(event, "oversight.classification.label")).toBe("ipsweep");
    expect(at({ a: { "b.c": { d: 1 } } }, "a.b.c.d")).toBe(1);
    expect(at(event, "toString")).toBeUndefined();
    expect(at(event, "a.b")).toBeUndefined();
  });

  it("tell what was found in them", () => {
    const found = judged(event);
    expect(found.verdict).toMatchObject({ label: "ipsweep", verdict: "known", model: "m/3", normalIf: "normal if count ≤ 2" });
    expect(found.verdict?.changes).toEqual([{ feature: "count", operator: "<=", value: 2 }]);
    expect(found.verdict?.top).toEqual([{ label: "ipsweep", probability: 0.9 }]);
    expect(found.metrics[0]).toMatchObject({ value: 400, upper: 12, meaning: ["scan"] });
    expect(found.verdict?.excused).toBeUndefined();
    expect(judged({ oversight: { classification: { verdict: "normal", excused: "scan" } } }).verdict?.excused).toBe("scan");
    expect(found.technique).toEqual(["TA0043", "T1595"]);
  });

  it("may be anything at all", () => {
    for (const odd of [{}, { oversight: 7 }, { oversight: { classification: [1], anomaly: { metrics: {} } } }, { oversight: null }]) {
      expect(judged(odd).metrics).toEqual([]);
    }
    expect(judged({ oversight: { classification: { label: 3, top: "x", set: 1 } } }).verdict).toMatchObject({ label: "?", top: [], set: [] });
  });

  it("fall into values with their paths, so many and no more", () => {
    expect(leaves(event, 100).slice(0, 4)).toEqual([
      { path: "@timestamp", value: "2026-11-22T10:00:00Z" },
      { path: "id.orig_h", value: "10.0.0.1" },
      { path: "tags", value: "a" },
      { path: "tags", value: "b" },
    ]);
    expect(leaves({ a: Array.from({ length: 1000 }, (_, n) => n) }, 10)).toHaveLength(10);
  });
});
