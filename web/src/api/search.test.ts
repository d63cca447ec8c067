import { describe, expect, it } from "vitest";
import { merged, millis, query, step } from "./search";

describe("searches", () => {
  it("become a body in which no value is syntax", () => {
    const evil = 'a" OR *:* AND "\u202e';
    const wanted = { q: " label:x ", filters: [{ field: "a.b", value: evil, not: false }, { field: "c", value: "1", not: true }], range: { from: "0", to: "now" } };
    expect(query(wanted)).toEqual({
      bool: {
        filter: [
          { query_string: { query: " label:x " } },
          { range: { "@timestamp": { gte: "1970-01-01T00:00:00.000Z", lt: "now" } } },
          { term: { "a.b": evil } },
        ],
        must_not: [{ term: { c: "1" } }],
      },
    });
    expect(query({ q: " ", filters: [], range: { from: "", to: "" } })).toEqual({ bool: { filter: [] } });
  });

  it("have as many bars as fit", () => {
    const hour = 3_600_000;
    expect([step(0, hour, 60), step(0, 24 * hour, 100), step(0, 100, 100)]).toEqual([60, 1800, 1]);
    for (const days of [1, 9, 400, 9000]) expect((days * 86_400) / step(0, days * 24 * hour, 80)).toBeLessThanOrEqual(80);
  });

  it("know when now-24h is", () => {
    expect([millis("now", 5), millis("now-2h", 7_200_001), millis("123"), millis("now/d")]).toEqual([5, 1, 123, undefined]);
  });

  it("count a value that two fields hold once", () => {
    const found = {
      hits: { total: { value: 0, relation: "eq" }, hits: [] },
      aggregations: {
        s_0: { buckets: [{ key: "a", doc_count: 3 }] },
        s_1: { buckets: [{ key: "a", doc_count: 5 }, { key: "b", doc_count: 4 }] },
      },
    };
    expect(merged(found, "s", ["x", "y"], 5)).toEqual([{ field: "y", value: "a", count: 5 }, { field: "y", value: "b", count: 4 }]);
  });
});
