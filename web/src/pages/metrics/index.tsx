import { useState, type FormEvent, type ReactElement } from "react";
import { get } from "../../api/http";
import { bound, buckets, during, search, valueOf, type Range } from "../../api/search";
import type { Metric, Series } from "../../api/types";
import { asText, at, isObject, measured } from "../../api/event";
import { useAnswer } from "../../api/use";
import { Card, Empty, Go, tone, Trouble } from "../../parts/basics";
import { Spans } from "../../parts/spans";
import { Text } from "../../parts/text";
import { address, go, usePlace, wanted } from "../../route";
import { count, number, words } from "../../text/format";
import { Heat } from "./heat";
import { SeriesView } from "./series";

const WEEK = 7 * 86_400_000;

/** Every metric, what it means, and any series of it. */
export default function Metrics(): ReactElement {
  const { params } = usePlace();
  const { range } = wanted(params);
  const metrics = useAnswer("metrics", (signal) => get<{ metrics: Metric[] }>("/v1/metrics", signal));
  const name = params.get("metric") ?? "";
  const metric = metrics.data?.metrics.find((one) => one.name === name);
  const place = (changes: Record<string, string | undefined>): string => {
    const to = new URLSearchParams(params);
    for (const [key, value] of Object.entries(changes)) {
      if (value === undefined || value === "") to.delete(key);
      else to.set(key, value);
    }
    return address("metrics", to);
  };
  const span = (chosen: Range): void => {
    const to = new URLSearchParams(params);
    to.set("from", chosen.from);
    if (chosen.to === "") to.delete("to");
    else to.set("to", chosen.to);
    go(address("metrics", to));
  };
  return (
    <>
      <div className="head">
        <h1>Metrics</h1>
        <div className="end">
          <Spans range={range} choose={span} />
        </div>
      </div>
      <Trouble error={metrics.error} again={metrics.again} />
      <List metrics={metrics.data?.metrics ?? []} chosen={name} range={range} place={place} />
      {metric && <Chosen metric={metric} entity={params.get("entity") ?? ""} lastWeek={params.get("week") === "1"} range={range} place={place} span={span} />}
      <Heat metric={name} range={range} place={place} />
    </>
  );
}

type PlaceOf = (changes: Record<string, string | undefined>) => string;

function List({ metrics, chosen, range, place }: { metrics: readonly Metric[]; chosen: string; range: Range; place: PlaceOf }): ReactElement {
  const found = useAnswer(`${range.from} ${range.to}`, (signal) =>
    search("anomalies", { size: 0, query: during(range), aggs: { metrics: { terms: { field: "job_id", size: 200 }, aggs: { worst: { max: { field: "record_score" } } } } } }, signal),
  );
  const of = (name: string): { worst: number; records: number } => {
    const bucket = buckets(found.data, "metrics").find((one) => one.key === name);
    return { worst: bucket ? valueOf(bucket, "worst") : 0, records: bucket?.doc_count ?? 0 };
  };
  const sorted = [...metrics].sort((one, other) => of(other.name).worst - of(one.name).worst);
  return (
    <Card title="What is counted">
      <Trouble error={found.error} again={found.again} />
      <div className="scroll" tabIndex={0} role="region" aria-label="Metrics">
        <table className="plain">
          <thead>
            <tr>
              <th scope="col">Metric</th>
              <th scope="col">Counts</th>
              <th scope="col">Unusual means</th>
              <th scope="col" className="number">
                Anomalies
              </th>
              <th scope="col" className="number">
                Worst
              </th>
            </tr>
          </thead>
          <tbody>
            {sorted.map((metric) => (
              <tr key={metric.name} aria-current={metric.name === chosen ? "true" : undefined} style={metric.name === chosen ? { background: "var(--raised)" } : undefined}>
                <td>
                  <Go to={place({ metric: metric.name, entity: undefined })}>{words(metric.name)}</Go>
                </td>
                <td className="quiet wordy">{counts(metric)}</td>
                <td className="quiet wordy">{meaning(metric)}</td>
                <td className="number">{count(of(metric.name).records)}</td>
                <td className="number">{of(metric.name).worst > 0 ? number(of(metric.name).worst) : "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function counts(metric: Metric): string {
  const what = metric.title ?? words(metric.name);
  const over = [...(metric.over ?? []), ...(metric.by ? [metric.by] : [])];
  return `${what}${over.length > 0 ? ` each ${over.join(", ")}` : ""}, every ${metric.bucket_span}`;
}

function meaning(metric: Metric): string {
  const found = [...(metric.peak ? [`high: ${words(metric.peak)}`] : []), ...(metric.dip ? [`low: ${words(metric.dip)}`] : [])];
  return found.join("; ") || "–";
}

type ChosenProps = { metric: Metric; entity: string; lastWeek: boolean; range: Range; place: PlaceOf; span: (range: Range) => void };

function Chosen({ metric, entity, lastWeek, range, place, span }: ChosenProps): ReactElement {
  const split = (metric.over ?? []).length > 0 || metric.by !== undefined;
  const asked = !split || entity !== "";
  const key = `${metric.name} ${entity} ${range.from} ${range.to}`;
  const now = useAnswer(asked ? key : null, (signal) => series(metric.name, entity, range, 0, signal));
  const before = useAnswer(asked && lastWeek ? `week ${key}` : null, (signal) => series(metric.name, entity, range, WEEK, signal));
  return (
    <Card
      title={counts(metric)}
      end={
        asked && (
          <button type="button" className="button small" aria-pressed={lastWeek} onClick={() => go(place({ week: lastWeek ? undefined : "1" }))}>
            Compare with a week before
          </button>
        )
      }
    >
      {split && <Entities metric={metric} entity={entity} range={range} place={place} />}
      <Trouble error={now.error ?? before.error} again={now.again} />
      {now.loading && !now.data && <Empty>Loading …</Empty>}
      {asked && now.data && now.data.points.length === 0 && <Empty>No event of this time touched this series.</Empty>}
      {asked && now.data && now.data.points.length > 0 && <SeriesView series={now.data} before={lastWeek ? before.data : undefined} shift={WEEK} range={range} span={span} />}
      {now.data?.complete === false && <p className="hint">There are more events than are read for one series; the oldest are left out. Choose a shorter time.</p>}
    </Card>
  );
}

function series(metric: string, entity: string, range: Range, back: number, signal: AbortSignal): Promise<Series> {
  const params = new URLSearchParams({ metric });
  if (entity !== "") params.set("entity", entity);
  const shifted = (time: string): string => {
    const known = bound(time);
    if (back === 0) return known;
    return known.startsWith("now") ? `${known}-7d` : new Date(Date.parse(known) - back).toISOString();
  };
  if (range.from !== "") params.set("from", shifted(range.from));
  if (range.to !== "") params.set("to", shifted(range.to));
  else if (back > 0) params.set("to", "now-7d");
  return get(`/v1/series?${params.toString()}`, signal);
}

const SAMPLE = 300;

/** Whose series: those with anomalies first, then those that were seen last, or any that is written in. */
function Entities({ metric, entity, range, place }: { metric: Metric; entity: string; range: Range; place: PlaceOf }): ReactElement {
  const [text, setText] = useState("");
  const found = useAnswer(`${metric.name} ${range.from} ${range.to}`, (signal) => entities(metric.name, range, signal));
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (text.trim() !== "") go(place({ entity: text.trim() }));
  };
  return (
    <div className="stack">
      <form className="row" onSubmit={submit}>
        <label htmlFor="entity">Series of</label>
        <input id="entity" className="field" list="entities" value={text} maxLength={512} placeholder={[...(metric.over ?? []), ...(metric.by ? [metric.by] : [])].join(", ")} onChange={(event) => setText(event.target.value)} style={{ minWidth: "16rem" }} />
        <datalist id="entities">{(found.data ?? []).map((one) => <option key={one.entity} value={one.entity} />)}</datalist>
        <button className="button">Show</button>
        {entity !== "" && (
          <b>
            <Text value={entity} most={120} />
          </b>
        )}
      </form>
      <Trouble error={found.error} again={found.again} />
      <ul className="row">
        {(found.data ?? []).slice(0, 16).map((one) => (
          <li key={one.entity}>
            <Go to={place({ entity: one.entity })} className="pill" aria-current={one.entity === entity ? "page" : undefined} style={tone("", { padding: "0.1rem 0.7rem" })}>
              <Text value={one.entity} most={60} />
              {one.worst > 0 && <b style={{ color: "var(--anomaly)" }}>{number(one.worst)}</b>}
            </Go>
          </li>
        ))}
      </ul>
    </div>
  );
}

type Entity = { entity: string; worst: number };

async function entities(metric: string, range: Range, signal: AbortSignal): Promise<Entity[]> {
  const of = { bool: { filter: [during(range), { term: { "oversight.anomaly.metrics.name": metric } }] } };
  const unusual = { bool: { filter: [during(range), { term: { job_id: metric } }] } };
  const worst = { terms: { field: "oversight.anomaly.metrics.entity", size: 20 }, aggs: { worst: { max: { field: "record_score" } } } };
  const [records, sample] = await Promise.all([
    search("anomalies", { size: 0, query: unusual, aggs: { worst } }, signal),
    search("events", { size: SAMPLE, query: of, _source: ["oversight.anomaly.metrics"] }, signal),
  ]);
  const known = new Map<string, number>();
  for (const bucket of buckets(records, "worst")) known.set(String(bucket.key), valueOf(bucket, "worst"));
  for (const hit of sample.hits.hits) {
    const list = at(hit._source, "oversight.anomaly.metrics");
    for (const one of Array.isArray(list) ? list.filter(isObject) : []) {
      const found = measured(one);
      if (found.name === metric && asText(one["entity"]) !== undefined && !known.has(found.entity)) known.set(found.entity, 0);
    }
  }
  return [...known].map(([entity, score]) => ({ entity, worst: score })).sort((one, other) => other.worst - one.worst);
}
