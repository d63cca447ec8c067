import { useEffect, useMemo, useRef, useState, type ReactElement } from "react";
import { rate, useLive, type Live } from "../api/live";
import { anyOf, buckets, merged, query, search, SOURCES, TARGETS, USERS, valueOf, type Range, type Top } from "../api/search";
import { along, bars, begins, CATEGORY, countOf, LABEL, namesWithin, scaleOf, VERDICT, type Scale } from "../api/timeline";
import type { Found } from "../api/types";
import { useAnswer } from "../api/use";
import { Card, Empty, Go, Tile, tone, Trouble } from "../parts/basics";
import { colourOf } from "../parts/colour";
import { Spans } from "../parts/spans";
import { Stack, type Layer } from "../parts/stack";
import { Text } from "../parts/text";
import { address, eventsWith, go, parameters, usePlace, wanted } from "../route";
import { ago, brief, bytes, count, duration, number, percent, words } from "../text/format";
import { at, asNumber, asText } from "../api/event";
import { FirstRun } from "./first";
import { Simulating } from "./simulator";

const BARS = 96;

/** Events whose most probable class is an attack, whether or not the model knows their like. */
const ATTACK = { bool: { filter: [{ exists: { field: CATEGORY } }], must_not: [{ term: { [CATEGORY]: "normal" } }] } };
/** Events that are unlike what the model knows, and nearest to what is normal. */
const UNLIKE = { bool: { filter: [{ term: { [VERDICT]: "unknown" } }, { term: { [CATEGORY]: "normal" } }] } };

type Seen = { readonly scale: Scale; readonly events: Found; readonly attacks: Found; readonly anomalies: Found };

/** What is going on, understood in five seconds. */
export function Now(): ReactElement {
  const { params } = usePlace();
  const live = useLive();
  const { range } = wanted(params);
  const stored = live.latest?.accounts.stored ?? 0;
  const news = useNews(range.to === "" ? live.latest?.accounts.stored : 0);
  // what is stored is known in a moment, and asking twice would be for nothing
  const key = news === undefined && live.reachable !== false ? null : `${range.from} ${range.to} ${news}`;
  const { data, error, again } = useAnswer(key, (signal) => ask(range, signal));
  const ever = useAnswer("ever", (signal) => search("events", { size: 0, track_total_hits: true }, signal));
  const nothing = ever.data !== undefined && ever.data.hits.total.value === 0 && stored === 0;
  const show = (chosen: Range): void => go(address("now", parameters({ q: "", filters: [], range: chosen })));
  if (nothing) return <FirstRun />;
  return (
    <>
      <div className="head">
        <h1>Now</h1>
        <div className="end">
          <Spans range={range} choose={show} />
        </div>
      </div>
      <Trouble error={error} again={again} />
      <Simulating />
      <Figures live={live} seen={data} range={range} />
      {!data && !error && <Empty>Loading …</Empty>}
      {data && <Attacks seen={data} range={range} show={show} />}
      {data && data.events.hits.total.value === 0 && <Empty>Nothing came in within this time. Choose a longer one above.</Empty>}
      {data && (
        <div className="columns">
          <Loudest found={data.anomalies} range={range} />
          <Tops title="Sources" found={data.events} name="source" fields={SOURCES} range={range} />
          <Tops title="Targets" found={data.events} name="target" fields={TARGETS} range={range} />
          {merged(data.events, "user", USERS, 1).length > 0 && <Tops title="Users" found={data.events} name="user" fields={USERS} range={range} />}
        </div>
      )}
      {data && <Strongest found={data.anomalies} />}
    </>
  );
}

/** After how long it is asked again what a change has brought: stores show what they took some moments later. */
const LOOK_AGAIN_MS = [1500, 7000];

/**
 * Another text whenever it is time to ask again: with the value, though at most each five seconds, so that a busy oversight is not
 * asked for everything each second, and some moments after it has changed. Undefined as long as the value is.
 */
function useNews(value: number | undefined): string | undefined {
  const [shown, setShown] = useState(value);
  const [looks, setLooks] = useState(0);
  const since = useRef(0);
  useEffect(() => {
    if (value === shown) return;
    const wait = Math.max(0, since.current + 5000 - Date.now());
    const timer = window.setTimeout(() => {
      since.current = Date.now();
      setShown(value);
    }, wait);
    return () => window.clearTimeout(timer);
  }, [value, shown]);
  useEffect(() => {
    setLooks(0);
    const timers = LOOK_AGAIN_MS.map((wait, place) => window.setTimeout(() => setLooks(place + 1), wait));
    return () => timers.forEach((timer) => window.clearTimeout(timer));
  }, [shown]);
  return shown === undefined ? undefined : `${shown} ${looks}`;
}

async function ask(range: Range, signal: AbortSignal): Promise<Seen> {
  const all = { q: "", filters: [], range };
  const scale = await scaleOf("events", all, BARS, signal);
  const tops = { ...anyOf("source", SOURCES, 8), ...anyOf("target", TARGETS, 8), ...anyOf("user", USERS, 8) };
  const aggs = {
    judged: { filter: { exists: { field: VERDICT } } },
    verdicts: { terms: { field: VERDICT, size: 10 } },
    time: bars(scale, { unlike: { filter: UNLIKE } }),
    ...tops,
  };
  const attacks = { size: 0, track_total_hits: true, query: { bool: { filter: [query(all), ATTACK] } }, aggs: { time: bars(scale, { labels: { terms: { field: LABEL, size: 30 } } }) } };
  const loud = {
    size: 10,
    query: query(all),
    sort: [{ record_score: { order: "desc", unmapped_type: "float" } }],
    aggs: { metrics: { terms: { field: "job_id", size: 8 }, aggs: { worst: { max: { field: "record_score" } } } } },
    track_total_hits: true,
  };
  const [events, classes, anomalies] = await Promise.all([
    search("events", { size: 0, query: query(all), aggs, track_total_hits: true }, signal),
    search("events", attacks, signal),
    search("anomalies", loud, signal),
  ]);
  return { scale, events, attacks: classes, anomalies };
}

function Figures({ live, seen, range }: { live: Live; seen: Seen | undefined; range: Range }): ReactElement {
  const perSecond = rate(live.ticks, 10, (status) => status.accounts.received);
  const total = seen?.events.hits.total.value ?? 0;
  const verdict = (name: string): number => buckets(seen?.events, "verdicts").find((one) => one.key === name)?.doc_count ?? 0;
  const judged = seen?.events.aggregations?.["judged"]?.doc_count ?? 0;
  const alike = Math.max(0, (seen?.attacks.hits.total.value ?? 0) - verdict("known"));
  const { latest } = live;
  const filled = latest ? latest.spool.bytes / Math.max(1, latest.spool.limit_bytes) : 0;
  return (
    <div className="tiles">
      <Tile
        what="Events a second"
        figure={perSecond === undefined ? "…" : brief(perSecond)}
        more={latest ? `${count(latest.accounts.received + latest.accounts.recovered)} since the start ${ago(latest.started)}` : undefined}
      />
      <Tile what="Attacks" colour="var(--attack)" figure={seen ? brief(verdict("known")) : "…"} more={seen && (alike > 0 ? `${count(alike)} unknown are most like one` : `of ${count(total)} events`)} to={eventsWith(VERDICT, "known", range)} />
      <Tile what="Unknown" colour="var(--unknown)" figure={seen ? brief(verdict("unknown")) : "…"} more="unlike what the model knows" to={eventsWith(VERDICT, "unknown", range)} />
      <Tile
        what="Anomalies"
        colour="var(--anomaly)"
        figure={seen ? brief(seen.anomalies.hits.total.value) : "…"}
        more="metrics far from their usual"
        to={address("metrics", parameters({ q: "", filters: [], range }))}
      />
      <Tile what="Judged" colour="var(--good)" figure={total > 0 ? percent(judged / total) : "…"} more={total > 0 ? (judged === total ? `all ${count(total)} events` : `${count(total - judged)} are no connections`) : undefined} />
      <Tile
        what="Waiting"
        figure={latest ? brief(latest.spool.events) : "…"}
        more={latest && `lag ${duration(latest.judged.lag_seconds)}, spool ${bytes(latest.spool.bytes)} (${percent(filled)})`}
        to={address("health")}
      />
    </div>
  );
}

function Attacks({ seen, range, show }: { seen: Seen; range: Range; show: (range: Range) => void }): ReactElement {
  const { times, layers } = useMemo(() => {
    const begin = begins(seen.scale);
    const classes = namesWithin(seen.attacks, "time", "labels");
    const found: Layer[] = classes.slice(0, 8).map((name) => ({
      name,
      colour: colourOf(name),
      counts: along(begin, buckets(seen.attacks, "time"), (bar) => countOf(bar, "labels", name)),
    }));
    const unlike = along(begin, buckets(seen.events, "time"), (bar) => (bar["unlike"] as { doc_count?: number } | undefined)?.doc_count ?? 0);
    if (unlike.some((one) => one > 0)) found.push({ name: "unknown, nearest to normal", colour: "var(--unknown-fill)", counts: unlike });
    return { times: begin, layers: found };
  }, [seen]);
  return (
    <Card title="Attacks by class, and what is unknown, over time" end={<Go to={address("events", parameters({ q: `NOT ${CATEGORY}:normal AND _exists_:${CATEGORY}`, filters: [], range }))}>Show the attacks</Go>}>
      {layers.length === 0 ? (
        <Empty>No attack, and nothing unknown, within this time.</Empty>
      ) : (
        <Stack times={times} step={seen.scale.step} layers={layers} height={220} what="Events by class" onBrush={(from, to) => show({ from: String(from), to: String(to) })} />
      )}
    </Card>
  );
}

function Loudest({ found, range }: { found: Found; range: Range }): ReactElement {
  const metrics = buckets(found, "metrics");
  return (
    <Card title="Loudest metrics">
      {metrics.length === 0 ? (
        <Empty>Every metric is as usual.</Empty>
      ) : (
        <ul className="top">
          {[...metrics]
            .sort((one, other) => valueOf(other, "worst") - valueOf(one, "worst"))
            .map((metric) => {
              const params = parameters({ q: "", filters: [], range });
              params.set("metric", String(metric.key));
              return (
                <li key={metric.key} style={tone("", { "--share": `${valueOf(metric, "worst")}%` })}>
                  <Go to={address("metrics", params)}>{words(String(metric.key))}</Go>
                  <span className="number">
                    {number(valueOf(metric, "worst"))} <span className="quiet small">× {count(metric.doc_count)}</span>
                  </span>
                </li>
              );
            })}
        </ul>
      )}
    </Card>
  );
}

function Tops({ title, found, name, fields, range }: { title: string; found: Found; name: string; fields: readonly string[]; range: Range }): ReactElement {
  const tops = merged(found, name, fields, 8);
  const most = tops[0]?.count ?? 1;
  return (
    <Card title={title}>
      {tops.length === 0 ? (
        <Empty>No event within this time names one.</Empty>
      ) : (
        <ul className="top">
          {tops.map((top: Top) => (
            <li key={top.value} style={tone("", { "--share": `${(top.count / most) * 100}%` })}>
              <Go to={eventsWith(top.field, top.value, range)}>
                <Text value={top.value} most={80} />
              </Go>
              <span className="number">{count(top.count)}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Strongest({ found }: { found: Found }): ReactElement | null {
  if (found.hits.hits.length === 0) return null;
  return (
    <Card title="Strongest anomalies">
      <ul className="stack">
        {found.hits.hits.map((hit) => {
          const params = new URLSearchParams();
          const metric = asText(at(hit._source, "job_id")) ?? "";
          const first = at(hit._source, "oversight.anomaly.metrics");
          const entity = Array.isArray(first) ? asText(at(first[0], "entity")) : undefined;
          const time = Date.parse(asText(at(hit._source, "@timestamp")) ?? "");
          params.set("metric", metric);
          if (entity) params.set("entity", entity);
          if (!Number.isNaN(time)) {
            params.set("from", String(time - 3_600_000));
            params.set("to", String(time + 3_600_000));
          }
          return (
            <li key={hit._id} className="row" style={{ flexWrap: "nowrap", alignItems: "baseline" }}>
              <b className="number" style={{ color: "var(--anomaly)", minWidth: "2.6rem" }}>
                {number(asNumber(at(hit._source, "record_score")) ?? 0)}
              </b>
              <Go to={address("metrics", params)}>
                <Text value={asText(at(hit._source, "event.reason")) ?? metric} most={300} />
              </Go>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}
