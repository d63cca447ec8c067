import { useEffect, useMemo, useState, type FormEvent, type ReactElement } from "react";
import { buckets, query, search, type Filter, type Range, type Wanted } from "../../api/search";
import { along, bars, begins, countOf, scaleOf, VERDICT, type Scale } from "../../api/timeline";
import type { Found } from "../../api/types";
import { useAnswer } from "../../api/use";
import { Empty, Trouble } from "../../parts/basics";
import { Spans } from "../../parts/spans";
import { Stack, type Layer } from "../../parts/stack";
import { Text } from "../../parts/text";
import { address, go, parameters, usePlace, wanted } from "../../route";
import { count } from "../../text/format";
import { bound } from "../../api/search";
import { columnsOf, NAMES, titleOf, USUAL } from "./columns";
import { facetAggregations, Facets } from "./facets";
import { useHits } from "./hits";
import { One } from "./one";
import { Table } from "./table";

const BARS = 120;

/** All events: searched, narrowed, looked into. */
export default function Events(): ReactElement {
  const { params } = usePlace();
  const asked = wanted(params);
  const id = params.get("id") ?? undefined;
  const names = params.get("columns")?.split("\n") ?? USUAL;
  const key = JSON.stringify(asked);
  const { data, error, loading, again } = useAnswer(key, (signal) => countUp(asked, signal));
  const hits = useHits("events", asked, key);
  const show = (next: Wanted, more: { id?: string | undefined; columns?: readonly string[] } = {}): void => {
    const to = parameters(next);
    const columns = more.columns ?? names;
    if (columns.join() !== USUAL.join()) to.set("columns", columns.join("\n"));
    const chosen = "id" in more ? more.id : id;
    if (chosen !== undefined) to.set("id", chosen);
    go(address("events", to));
  };
  const add = (filter: Filter): void => show({ ...asked, filters: [...asked.filters.filter((one) => one.field !== filter.field || one.value !== filter.value), filter] });
  const span = (range: Range): void => show({ ...asked, range });
  const toggle = (column: string): void => show(asked, { columns: names.includes(column) ? names.filter((one) => one !== column) : [...names, column] });
  return (
    <>
      <div className="head">
        <h1>Events</h1>
        <div className="end">
          <Spans range={asked.range} choose={span} />
          <Export asked={asked} />
        </div>
      </div>
      <Query asked={asked} show={show} />
      <Trouble error={error ?? hits.error} again={again} />
      {data && <Histogram seen={data} span={span} />}
      <p className="quiet" role="status">
        {data ? `${count(data.found.hits.total.value)} events${loading ? ", asking again …" : ""}` : loading ? "Searching …" : ""}
        {data?.found._shards?.failed ? " (a part of the store cannot be read)" : ""}
      </p>
      <div className={id === undefined ? "events" : "events with-one"}>
        {data ? <Facets found={data.found} add={add} /> : <div />}
        <div className="stack">
          {hits.hits.length === 0 && !hits.loading ? (
            <Empty>No event is like this. Take a filter away, or choose a longer time.</Empty>
          ) : (
            <Table hits={hits} columns={columnsOf(names)} chosen={id} choose={(chosen) => show(asked, { id: chosen })} />
          )}
          <Columns names={names} toggle={toggle} />
        </div>
        {id !== undefined && <One id={id} add={add} columns={names} toggle={toggle} close={() => show(asked, { id: undefined })} />}
      </div>
    </>
  );
}

type Seen = { readonly scale: Scale; readonly found: Found };

async function countUp(asked: Wanted, signal: AbortSignal): Promise<Seen> {
  const scale = await scaleOf("events", asked, BARS, signal);
  const time = bars(scale, { verdicts: { terms: { field: VERDICT, size: 10 } } });
  const found = await search("events", { size: 0, track_total_hits: true, query: query(asked), aggs: { time, ...facetAggregations() } }, signal);
  return { scale, found };
}

/** The query string, and the filters as pills. */
function Query({ asked, show }: { asked: Wanted; show: (next: Wanted) => void }): ReactElement {
  const [text, setText] = useState(asked.q);
  useEffect(() => setText(asked.q), [asked.q]);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    show({ ...asked, q: text.trim() });
  };
  return (
    <div className="stack">
      <form className="row" role="search" onSubmit={submit}>
        <input
          className="field"
          style={{ flex: "1 1 20rem", minWidth: 0 }}
          type="search"
          value={text}
          maxLength={4096}
          spellCheck={false}
          onChange={(event) => setText(event.target.value)}
          aria-label="Query"
          placeholder="Words, field:value, AND OR NOT, [1 TO 5] … (press / to get here)"
        />
        <button className="button strong">Search</button>
      </form>
      {asked.filters.length > 0 && (
        <ul className="row" aria-label="Filters">
          {asked.filters.map((filter, place) => (
            <li key={place} className={filter.not ? "pill not" : "pill"}>
              <span className="quiet">
                {filter.not ? "not " : ""}
                <Text value={filter.field} most={60} />:
              </span>
              <Text value={filter.value} most={60} />
              <button
                type="button"
                className="round"
                aria-label={`without the filter on ${filter.field}`}
                onClick={() => show({ ...asked, filters: asked.filters.filter((_, other) => other !== place) })}
              >
                ×
              </button>
            </li>
          ))}
          <li>
            <button type="button" className="link" onClick={() => show({ ...asked, filters: [] })}>
              Remove all
            </button>
          </li>
        </ul>
      )}
    </div>
  );
}

const LAYERS: readonly { name: string; colour: string }[] = [
  { name: "known", colour: "var(--attack-fill)" },
  { name: "unknown", colour: "var(--unknown-fill)" },
  { name: "normal", colour: "var(--normal)" },
];

function Histogram({ seen, span }: { seen: Seen; span: (range: Range) => void }): ReactElement {
  const { times, layers } = useMemo(() => {
    const begin = begins(seen.scale);
    const found = buckets(seen.found, "time");
    const judged: Layer[] = LAYERS.map(({ name, colour }) => ({ name, colour, counts: along(begin, found, (bar) => countOf(bar, "verdicts", name)) }));
    const rest = along(begin, found, (bar) => bar.doc_count - LAYERS.reduce((sum, layer) => sum + countOf(bar, "verdicts", layer.name), 0));
    const layer = { name: "not judged", colour: "var(--rest)", counts: rest };
    return { times: begin, layers: [...judged, layer].filter((one) => one.counts.some((some) => some > 0)) };
  }, [seen]);
  return <Stack times={times} step={seen.scale.step} layers={layers} height={130} what="Events by verdict" onBrush={(from, to) => span({ from: String(from), to: String(to) })} />;
}

function Columns({ names, toggle }: { names: readonly string[]; toggle: (column: string) => void }): ReactElement {
  const [field, setField] = useState("");
  const all = [...new Set([...NAMES, ...names])];
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const wanted = field.trim();
    if (wanted !== "" && !names.includes(wanted)) toggle(wanted);
    setField("");
  };
  return (
    <details>
      <summary>Columns</summary>
      <div className="row" style={{ marginTop: "0.5rem" }}>
        {all.map((name) => (
          <label key={name} className="row" style={{ gap: "0.25rem" }}>
            <input type="checkbox" checked={names.includes(name)} onChange={() => toggle(name)} disabled={names.length === 1 && names.includes(name)} />
            <Text value={titleOf(name)} most={60} />
          </label>
        ))}
        <form className="row" onSubmit={submit}>
          <input className="field" aria-label="Field for a new column" placeholder="any.field" value={field} maxLength={200} onChange={(event) => setField(event.target.value)} />
          <button className="button small">Add</button>
        </form>
      </div>
    </details>
  );
}

/** Files of what is looked at; a filter is a term, so it goes into the query string as a phrase. */
function Export({ asked }: { asked: Wanted }): ReactElement {
  const escape = (text: string): string => text.replace(/[\\"]/g, "\\$&");
  const name = (field: string): string => field.replace(/[^\w.@-]/g, "\\$&");
  const terms = asked.filters.map(({ field, value, not }) => `${not ? "NOT " : ""}${name(field)}:"${escape(value)}"`);
  const q = [...(asked.q === "" ? [] : [`(${asked.q})`]), ...terms].join(" AND ");
  const params = new URLSearchParams();
  if (q !== "") params.set("q", q);
  if (asked.range.from !== "") params.set("from", bound(asked.range.from));
  if (asked.range.to !== "") params.set("to", bound(asked.range.to));
  const link = (format: string): string => `/v1/export?${new URLSearchParams([["format", format], ...params]).toString()}`;
  return (
    <span className="group">
      <a className="button" href={link("csv")} download style={{ textDecoration: "none", color: "inherit" }}>
        CSV
      </a>
      <a className="button" href={link("ndjson")} download style={{ textDecoration: "none", color: "inherit" }}>
        NDJSON
      </a>
    </span>
  );
}
