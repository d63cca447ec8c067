import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fact, feature, featureValue } from "./features";

describe("features in words", () => {
  const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

  it("are there for all that the models look at", () => {
    const kdd = /pub const NAMES: \[&str; 41\] = \[(.*?)\];/s.exec(read("src/features/mod.rs"))?.[1] ?? "";
    const names = [...new Set([...kdd.matchAll(/"(\w+)"/g), ...read("docs/features.md").matchAll(/^\| `(flow_\w+)` \|/gm)].map((found) => found[1] ?? ""))];
    expect(names.length).toBe(41 + 90);
    const alone = ["duration", "service"];
    const unsaid = names.filter((name) => feature(name) === name.replaceAll("_", " ") && !alone.includes(name));
    expect(unsaid).toEqual([]);
  });

  it("are there for what connections may not tell", () => {
    const facts = /pub const FACTS: \[&str; 8\] =\s*\[(.*?)\];/s.exec(read("src/features/flow/told.rs"))?.[1] ?? "";
    const names = [...facts.matchAll(/"(\w+)"/g)].map((found) => found[1] ?? "");
    expect(names.length).toBe(8);
    expect(names.filter((name) => fact(name) === name.replaceAll("_", " "))).toEqual(["duration"]);
    expect(fact("wrong_fragment")).toBe(feature("wrong_fragment"));
  });

  it("have values with their units", () => {
    expect(feature("flow_responder_hosts_1h")).toBe("hosts that called the target within 1 h");
    expect([featureValue("flow_pair_mean_bytes_out", 206.5897), featureValue("serror_rate", 0.31), featureValue("flow_reset", 1)]).toEqual(["207 B", "31 %", "yes"]);
    expect([featureValue("flow_pair_mean_duration", 4.9), featureValue("count", 511), featureValue("flow_bytes_out_rate", 2500)]).toEqual(["4.9 s", "511", "2.5 kB/s"]);
  });

  it("of somebody else keep their names", () => {
    expect([feature("my_own_count_1h"), feature("flow_mine"), feature("toString"), featureValue("flow_mine", 0.5)]).toEqual(["my own count 1h", "flow mine", "toString", "0.5"]);
  });
});
