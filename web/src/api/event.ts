/** What was found in an event, read from a document that may hold anything at all. */

import type { Json, JsonObject } from "./types";

export type Candidate = { label: string; probability: number };
export type Contribution = { feature: string; value: Json; typical: Json; contribution: number };
/** What a feature would have to be. */
export type Condition = { feature: string; operator: string; value: Json };
export type Measured = {
  name: string;
  entity: string;
  value: number;
  expected: number | undefined;
  lower: number | undefined;
  upper: number | undefined;
  score: number;
  probability: number | undefined;
  direction: string | undefined;
  meaning: string[];
};
export type Verdict = {
  verdict: string | undefined;
  label: string;
  category: string | undefined;
  probability: number | undefined;
  novelty: number | undefined;
  top: Candidate[];
  set: string[];
  explanation: Contribution[];
  reason: string | undefined;
  normalIf: string | undefined;
  excused: string | undefined;
  changes: Condition[];
  featuresKnown: number | undefined;
  model: string | undefined;
};
export type Judged = {
  verdict: Verdict | undefined;
  score: number | undefined;
  metrics: Measured[];
  risk: number | undefined;
  technique: string[];
  dialect: string | undefined;
  missing: string[];
};

/** The value at a path, where each name may also stand with dots in it, as Zeek writes `id.orig_h`. */
export function at(value: Json | undefined, path: string): Json | undefined {
  if (!isObject(value)) return undefined;
  if (Object.hasOwn(value, path)) return value[path];
  for (let dot = path.indexOf("."); dot >= 0; dot = path.indexOf(".", dot + 1)) {
    const head = path.slice(0, dot);
    if (!Object.hasOwn(value, head)) continue;
    const found = at(value[head], path.slice(dot + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** All that was found in it. */
export function judged(event: JsonObject): Judged {
  const classification = at(event, "oversight.classification");
  return {
    verdict: isObject(classification) ? verdictOf(classification) : undefined,
    score: asNumber(at(event, "oversight.anomaly.score")),
    metrics: objects(at(event, "oversight.anomaly.metrics")).map(measured),
    risk: asNumber(at(event, "event.risk_score")),
    technique: [...texts(at(event, "threat.tactic.id")), ...texts(at(event, "threat.technique.id"))],
    dialect: asText(at(event, "oversight.features.dialect")),
    missing: texts(at(event, "oversight.features.missing")),
  };
}

function verdictOf(found: JsonObject): Verdict {
  const model = ["name", "version"].map((part) => asText(at(found, `model.${part}`)));
  return {
    verdict: asText(found["verdict"]),
    label: asText(found["label"]) ?? "?",
    category: asText(found["category"]),
    probability: asNumber(found["probability"]),
    novelty: asNumber(found["novelty"]),
    top: objects(found["top"]).map((one) => ({ label: asText(one["label"]) ?? "?", probability: asNumber(one["probability"]) ?? 0 })),
    set: texts(found["set"]),
    explanation: objects(found["explanation"]).map((one) => ({
      feature: asText(one["feature"]) ?? "?",
      value: one["value"] ?? null,
      typical: one["typical"] ?? null,
      contribution: asNumber(one["contribution"]) ?? 0,
    })),
    reason: asText(found["reason"]),
    normalIf: asText(at(found, "counterfactual.text")),
    changes: objects(at(found, "counterfactual.changes")).map((one) => ({ feature: asText(one["feature"]) ?? "?", operator: asText(one["operator"]) ?? "=", value: one["value"] ?? null })),
    excused: asText(found["excused"]),
    featuresKnown: asNumber(found["features_known"]),
    model: model[0] === undefined ? undefined : model.filter((part) => part !== undefined).join("/"),
  };
}

export function measured(found: JsonObject): Measured {
  return {
    name: asText(found["name"]) ?? "?",
    entity: asText(found["entity"]) ?? "",
    value: asNumber(found["value"]) ?? Number.NaN,
    expected: asNumber(found["expected"]),
    lower: asNumber(found["lower"]),
    upper: asNumber(found["upper"]),
    score: asNumber(found["score"]) ?? 0,
    probability: asNumber(found["probability"]),
    direction: asText(found["direction"]),
    meaning: texts(found["meaning"]),
  };
}

/** A value with the path to it; values in arrays stand one by one. */
export type Leaf = { path: string; value: Json };

/** All values of an event by path, in its own order; `most` at most. */
export function leaves(event: JsonObject, most: number): Leaf[] {
  const found: Leaf[] = [];
  const walk = (value: Json, path: string): void => {
    if (found.length >= most) return;
    if (Array.isArray(value) && value.every((member) => !isObject(member) && !Array.isArray(member))) {
      for (const member of value.slice(0, most)) found.push({ path, value: member });
    } else if (Array.isArray(value)) {
      for (const member of value) walk(member, path);
    } else if (isObject(value)) {
      for (const [name, member] of Object.entries(value)) walk(member, path === "" ? name : `${path}.${name}`);
    } else {
      found.push({ path, value });
    }
  };
  walk(event, "");
  return found.slice(0, most);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function asText(value: Json | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function asNumber(value: Json | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** Any single value as text; objects as JSON. */
export function show(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : typeof value === "object" ? JSON.stringify(value) : String(value);
}

function objects(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function texts(value: Json | undefined): string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.filter((one): one is string => typeof one === "string");
}
