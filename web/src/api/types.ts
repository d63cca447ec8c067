/** What the API answers. Fields of events are whatever their senders wrote, so they are read with care, in `event.ts`. */

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

export type Room = { state: "starting" | "up" | "degraded" | "down"; reason?: string; hint?: string };

export type Accounts = {
  recovered: number;
  received: number;
  redriven: number;
  stored: number;
  repeated: number;
  refused: number;
  lost: number;
  waiting: number;
};

export type Fill = { events: number; bytes: number; limit_bytes: number };

export type Status = {
  version: string;
  at: string;
  started: string;
  store: string;
  health: { status: "ready" | "degraded" | "not ready"; rooms: Record<string, Room> };
  accounts: Accounts;
  difference: number;
  judged: { events: number; attacks: number; anomalies: number; series: number; lag_seconds: number };
  spool: Fill;
  dead_letters: Fill;
  resident_bytes: number;
};

export type Hit = { _id: string; _index: string; _source: JsonObject; sort?: Json[] };

export type Bucket = {
  key: string | number;
  key_as_string?: string;
  doc_count: number;
  [aggregation: string]: unknown;
};

export type Found = {
  hits: { total: { value: number; relation: string }; hits: Hit[] };
  aggregations?: Record<string, { buckets?: Bucket[]; value?: number | null; sum_other_doc_count?: number; doc_count?: number }>;
  _shards?: { failed: number };
  next?: string | null;
};

export type Metric = {
  name: string;
  title?: string;
  over?: string[];
  by?: string;
  function: string;
  field?: string;
  bucket_span: string;
  peak?: string;
  dip?: string;
  direction?: string;
};

export type Point = { at: number; value: number; expected: number | null; lower: number | null; upper: number | null; score: number };
export type Series = { metric: string; entity: string; bucket_millis: number; points: Point[]; complete: boolean };

export type ListedModel = { model: string; name: string; version: string; hash: string | null; fault: string | null; imported: string | null };
export type Placed = { model: string; name: string; version: string; hash: string; at: string; by: string };
export type Models = {
  revision: number;
  active: Placed | null;
  shadow: Placed | null;
  earlier: Placed[];
  notice: string | null;
  models: ListedModel[];
};

export type Drift = {
  model: string;
  sampled: number;
  enough: boolean;
  reason: string | null;
  window_seconds: number;
  thresholds: [number, number];
  features: { feature: string; psi: number; missing: number; missing_in_training: number; state: string }[];
};

export type Letter = { number: number; at: string; reason: string; source: string; content: string; id?: string; raw?: string; raw_base64?: string };
export type Letters = { count: number; letters: Letter[]; next: number | null };
export type Redriven = { redriven: number; [other: string]: number };

export type SourceFeature = { feature: string; real: number; approximated: number; missing: number; how?: string };
export type Source = { dialect: string; events: number; measured: number; features: SourceFeature[]; facts: SourceFeature[]; by_flow: boolean };
export type Sources = { dialects: Source[] };
