/** A model's card, as much of it as the page shows; cards differ, so each part may be missing. */

import { asNumber, asText, at, isObject } from "../../api/event";
import type { Json, JsonObject } from "../../api/types";

export type ClassQuality = { label: string; precision: number; recall: number; f1: number; support: number };
export type Quality = {
  name: string;
  records: number | undefined;
  accuracy: number | undefined;
  falseAlarms: number | undefined;
  macroF1: number | undefined;
  calibrationBefore: number | undefined;
  calibrationAfter: number | undefined;
  classes: ClassQuality[];
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
    },
  ];
}

function list(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
