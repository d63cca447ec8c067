/** What was found over time, in bars: the same question for *Now* and for *Events*. */

import { buckets, millis, query, search, step, within, type Kind, type Wanted } from "./search";
import type { Bucket, Found } from "./types";

export const VERDICT = "oversight.classification.verdict";
export const LABEL = "oversight.classification.label";
export const CATEGORY = "oversight.classification.category";

/** A stretch of time and the length of its bars. */
export type Scale = { readonly from: number; readonly to: number; readonly step: number };

/** The stretch that a search covers; where it has no beginning or end, those of what is stored. */
export async function scaleOf(kind: Kind, wanted: Wanted, bars: number, signal: AbortSignal): Promise<Scale> {
  const now = Date.now();
  let from = wanted.range.from === "" ? undefined : millis(wanted.range.from, now);
  let to = wanted.range.to === "" ? undefined : millis(wanted.range.to, now);
  if (from === undefined || (to === undefined && wanted.range.from === "")) {
    const aggs = { least: { min: { field: "@timestamp" } }, most: { max: { field: "@timestamp" } } };
    const found = await search(kind, { size: 0, query: query(wanted), aggs }, signal);
    from ??= found.aggregations?.["least"]?.value ?? now - 3_600_000;
    to ??= (found.aggregations?.["most"]?.value ?? now) + 1;
  }
  to ??= now;
  return { from, to, step: step(from, to, bars) };
}

/** The aggregation with one bucket a bar. */
export function bars(scale: Scale, inner?: Record<string, unknown>): Record<string, unknown> {
  const histogram = { field: "@timestamp", fixed_interval: `${scale.step}s`, min_doc_count: 0 };
  return { date_histogram: histogram, ...(inner ? { aggs: inner } : {}) };
}

/** The begin of every bar, in seconds since 1970, also of those without events. */
export function begins(scale: Scale): number[] {
  const first = Math.floor(scale.from / 1000 / scale.step) * scale.step;
  const found: number[] = [];
  for (let at = first; at * 1000 < scale.to && found.length < 2000; at += scale.step) found.push(at);
  return found;
}

/** Counts by bar. */
export function along(times: readonly number[], found: Bucket[], of: (bucket: Bucket) => number): number[] {
  const by = new Map(found.map((bucket) => [Math.round(Number(bucket.key) / 1000), bucket]));
  return times.map((at) => {
    const bucket = by.get(at);
    return bucket ? of(bucket) : 0;
  });
}

/** How many of a bar have this value of the aggregation within it. */
export function countOf(bucket: Bucket, name: string, key: string): number {
  return within(bucket, name).find((one) => String(one.key) === key)?.doc_count ?? 0;
}

/** All values that bars have within them, the most frequent first. */
export function namesWithin(found: Found | undefined, histogram: string, name: string): string[] {
  const sums = new Map<string, number>();
  for (const bar of buckets(found, histogram)) {
    for (const one of within(bar, name)) sums.set(String(one.key), (sums.get(String(one.key)) ?? 0) + one.doc_count);
  }
  return [...sums].sort(([, one], [, other]) => other - one).map(([key]) => key);
}
