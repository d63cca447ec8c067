/** A model's card, as much of it as the page shows; cards differ, so each part may be missing. */

import { asNumber, asText, at, isObject } from "../../api/event";
import type { Json, JsonObject } from "../../api/types";

export type ClassQuality = { label: string; precision: number; recall: number; f1: number; support: number };
/** How many records of a class were taken for which: a row for each class, its cells in the order of the classes. */
export type Confusion = { classes: string[]; rows: { label: string; records: number; cells: number[] }[] };
/** Of the records that were told with about this confidence, the share that was right. */
export type Said = { confidence: number; right: number; records: number };
export type Quality = {
  name: string;
  records: number | undefined;
  accuracy: number | undefined;
  falseAlarms: number | undefined;
  macroF1: number | undefined;
  calibrationBefore: number | undefined;
  calibrationAfter: number | undefined;
  classes: ClassQuality[];
  confusion: Confusion | undefined;
  said: Said[];
};
export type Card = {
  description: string | undefined;
  features: number;
  labels: { name: string; category: string; technique: string }[];
  trainedOn: string | undefined;
  records: number | undefined;
  split: string | undefined;
  temperature: number | undefined;
  qualities: Quality[];
  neverSeen: { label: string; calledNormal: number; rows: number }[];
};

const NAMES: Record<string, string> = { whole: "on whole records", content_missing: "without the content features" };

/** What a card says. */
export function read(card: JsonObject): Card {
  const quality = at(card, "quality");
  const parts = isObject(quality) ? Object.entries(quality) : [];
  return {
    description: asText(card["description"]),
    features: list(at(card, "schema.features")).length,
    labels: list(card["labels"]).map((label) => ({
      name: asText(label["name"]) ?? "?",
      category: asText(label["category"]) ?? "",
      technique: [asText(at(label, "technique.id")), asText(at(label, "technique.name"))].filter((one) => one !== undefined).join(" "),
    })),
    trainedOn: asText(at(card, "training.data")),
    records: asNumber(at(card, "training.records")),
    split: asText(at(card, "training.split")),
    temperature: asNumber(at(card, "calibration.temperature")),
    qualities: parts.flatMap(([name, part]) => (isObject(part) ? qualityOf(name, part) : [])),
    neverSeen: list(at(card, "quality.never_seen")).map((one) => ({
      label: asText(one["label"]) ?? "?",
      calledNormal: asNumber(one["called_normal"]) ?? 0,
      rows: asNumber(one["rows"]) ?? 0,
    })),
  };
}

/** Distinct rows say more than weighted ones, where a card has both; a card of one's own may have neither below. */
function qualityOf(name: string, part: JsonObject): Quality[] {
  const found = [at(part, "distinct"), at(part, "weighted"), part].find((one) => isObject(one) && asNumber(one["accuracy"]) !== undefined);
  if (!isObject(found)) return [];
  const classes = isObject(found["per_class"]) ? Object.entries(found["per_class"]) : [];
  const number = (of: Json | undefined, field: string): number => (isObject(of) ? (asNumber(of[field]) ?? Number.NaN) : Number.NaN);
  return [
    {
      name: NAMES[name] ?? name.replaceAll("_", " "),
      records: asNumber(found["records"]),
      accuracy: asNumber(found["accuracy"]),
      falseAlarms: asNumber(found["false_alarms"]),
      macroF1: asNumber(found["macro_f1_frequent"]) ?? asNumber(found["macro_f1_all"]),
      calibrationBefore: asNumber(part["calibration_error_before"]),
      calibrationAfter: asNumber(part["calibration_error_after"]),
      classes: classes
        .map(([label, one]) => ({ label, precision: number(one, "precision"), recall: number(one, "recall"), f1: number(one, "f1"), support: number(one, "support") }))
        .sort((one, other) => other.support - one.support),
      confusion: confusionOf(part["confusion"]),
      said: list(part["calibration"])
        .map((one) => ({ confidence: number(one, "confidence"), right: number(one, "right"), records: number(one, "records") }))
        .filter((one) => isShare(one.confidence) && isShare(one.right) && one.records > 0),
    },
  ];
}

/** The most frequent class first; what was never the class, and never told, is left out. */
function confusionOf(value: Json | undefined): Confusion | undefined {
  if (!isObject(value)) return undefined;
  const counts = new Map<string, Map<string, number>>();
  for (const [label, row] of Object.entries(value)) {
    if (!isObject(row)) continue;
    const cells = Object.entries(row).filter((cell): cell is [string, number] => typeof cell[1] === "number" && cell[1] > 0);
    counts.set(label, new Map(cells));
  }
  const records = (label: string): number => [...(counts.get(label)?.values() ?? [])].reduce((sum, one) => sum + one, 0);
  const told = [...counts.values()].flatMap((row) => [...row.keys()]);
  const classes = [...new Set([...counts.keys(), ...told])].sort((one, other) => records(other) - records(one));
  if (classes.length === 0) return undefined;
  const rows = classes.filter((label) => records(label) > 0);
  return { classes, rows: rows.map((label) => ({ label, records: records(label), cells: classes.map((said) => counts.get(label)?.get(said) ?? 0) })) };
}

function isShare(value: number): boolean {
  return value >= 0 && value <= 1;
}

function list(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
