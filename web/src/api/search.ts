/** Searches: what the visitor has chosen, as a search body that every store understands. */

import { get, post } from "./http";
import type { Bucket, Found } from "./types";

export type Kind = "events" | "anomalies";

/** A value that has to be there, or must not. */
export type Filter = { readonly field: string; readonly value: string; readonly not: boolean };

/** From when to when: milliseconds since 1970, or date math such as `now-24h`. */
export type Range = { readonly from: string; readonly to: string };

/** What is looked for. */
export type Wanted = { readonly q: string; readonly filters: readonly Filter[]; readonly range: Range };

type Clause = Record<string, unknown>;

/** The query of a search body. */
export function query({ q, filters, range }: Wanted): Clause {
  const filter: Clause[] = [];
  if (q.trim() !== "") filter.push({ query_string: { query: q } });
  if (range.from !== "" || range.to !== "") filter.push(during(range));
  for (const one of filters) if (!one.not) filter.push(term(one));
  const not = filters.filter((one) => one.not).map(term);
  return { bool: { filter, ...(not.length > 0 ? { must_not: not } : {}) } };
}

/** That something lies within a range. */
export function during({ from, to }: Range): Clause {
  const bounds: Record<string, string> = {};
  if (from !== "") bounds["gte"] = bound(from);
  if (to !== "") bounds["lt"] = bound(to);
  return Object.keys(bounds).length > 0 ? { range: { "@timestamp": bounds } } : { match_all: {} };
}

/** Milliseconds as a time that both stores read. */
export function bound(time: string): string {
  return /^\d+$/.test(time) ? new Date(Number(time)).toISOString() : time;
}

function term({ field, value }: Filter): Clause {
  return { term: { [field]: value } };
}

/** Counts and hits. */
export function search(kind: Kind, body: Record<string, unknown>, signal?: AbortSignal): Promise<Found> {
  return post<Found>(`/v1/search?kind=${kind}`, body, signal);
}

/** One page of hits, youngest first; an empty cursor begins. */
export function page(kind: Kind, wanted: Wanted, size: number, cursor: string, signal?: AbortSignal): Promise<Found> {
  return post<Found>(`/v1/search?kind=${kind}&cursor=${encodeURIComponent(cursor)}`, { query: query(wanted), size }, signal);
}

/** One document. */
export function one(kind: Kind, id: string, signal?: AbortSignal): Promise<{ _id: string; _index: string; _source: import("./types").JsonObject }> {
  return get(`/v1/${kind}/${encodeURIComponent(id)}`, signal);
}

/** The buckets of an aggregation; none where it is missing. */
export function buckets(found: Found | undefined, name: string): Bucket[] {
  return found?.aggregations?.[name]?.buckets ?? [];
}

/** The buckets of an aggregation within a bucket. */
export function within(bucket: Bucket, name: string): Bucket[] {
  const inner = bucket[name] as { buckets?: Bucket[] } | undefined;
  return inner?.buckets ?? [];
}

/** The value of a metric within a bucket. */
export function valueOf(bucket: Bucket, name: string): number {
  const inner = bucket[name] as { value?: number | null } | undefined;
  return inner?.value ?? 0;
}

/** Steps that a histogram may have, in seconds. */
const STEPS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800];

/** The step with which a stretch of time falls into at most `most` bars. */
export function step(fromMs: number, toMs: number, most: number): number {
  const seconds = Math.max(1, (toMs - fromMs) / 1000);
  return STEPS.find((one) => seconds / one <= most) ?? 604_800 * Math.ceil(seconds / 604_800 / most);
}

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** When that is, in milliseconds; undefined where only the store can tell. */
export function millis(time: string, now: number = Date.now()): number | undefined {
  if (/^\d+$/.test(time)) return Number(time);
  const math = /^now(?:([+-])(\d+)([smhdw]))?$/.exec(time);
  if (!math) return undefined;
  const [, sign, amount, unit] = math;
  if (sign === undefined) return now;
  return now + (sign === "-" ? -1 : 1) * Number(amount) * (UNITS[unit ?? "s"] ?? 0);
}

/** Fields that say who it came from, who it went to, and who was logged in, in the dialects that are known. */
export const SOURCES = ["source.ip", "id.orig_h", "src_ip", "SrcAddr", "srcaddr", "netflow.ipv4_src_addr"];
export const TARGETS = ["destination.ip", "id.resp_h", "dest_ip", "DstAddr", "dstaddr", "netflow.ipv4_dst_addr"];
export const USERS = ["user.name", "related.user", "username"];

/** One `terms` aggregation for each field that may hold it, under names that [`merged`] puts together again. */
export function anyOf(name: string, fields: readonly string[], size: number): Record<string, unknown> {
  return Object.fromEntries(fields.map((field, place) => [`${name}_${place}`, { terms: { field, size } }]));
}

export type Top = { readonly field: string; readonly value: string; readonly count: number };

/** The most frequent values of all these fields; a value that several fields of one dialect hold counts once. */
export function merged(found: Found | undefined, name: string, fields: readonly string[], size: number): Top[] {
  const best = new Map<string, Top>();
  fields.forEach((field, place) => {
    for (const bucket of buckets(found, `${name}_${place}`)) {
      const value = bucket.key_as_string ?? String(bucket.key);
      const before = best.get(value);
      if (!before || before.count < bucket.doc_count) best.set(value, { field, value, count: bucket.doc_count });
    }
  });
  return [...best.values()].sort((one, other) => other.count - one.count).slice(0, size);
}
