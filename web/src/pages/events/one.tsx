import { useEffect, useRef, useState, type ReactElement } from "react";
import { asText, at, judged, leaves, show } from "../../api/event";
import { one, type Filter } from "../../api/search";
import type { JsonObject } from "../../api/types";
import { useAnswer } from "../../api/use";
import { Trouble } from "../../parts/basics";
import { Text } from "../../parts/text";
import { moment } from "../../text/format";
import { LONG } from "../../text/safe";
import { titleOf } from "./columns";
import { Scores } from "./scores";
import { VerdictView } from "./verdict";

type Tab = "verdict" | "metrics" | "fields" | "json";
const TABS: readonly { tab: Tab; title: string }[] = [
  { tab: "verdict", title: "Verdict" },
  { tab: "metrics", title: "Metrics" },
  { tab: "fields", title: "Fields" },
  { tab: "json", title: "JSON" },
];
const MOST_FIELDS = 500;

type Props = { readonly id: string; readonly add: (filter: Filter) => void; readonly columns: readonly string[]; readonly toggle: (column: string) => void; readonly close: () => void };

/** One event: what was found in it, and all that it says. */
export function One({ id, add, columns, toggle, close }: Props): ReactElement {
  const [tab, setTab] = useState<Tab>("verdict");
  const { data, error, again } = useAnswer(id, (signal) => one("events", id, signal));
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    box.current?.scrollTo(0, 0);
  }, [id]);
  const event = data?._id === id ? data._source : undefined;
  return (
    <section className="card one" aria-label="The event" ref={box} tabIndex={-1} onKeyDown={(press) => press.key === "Escape" && close()}>
      <header>
        <h2>{event ? moment(asText(at(event, "@timestamp")) ?? "") : "…"}</h2>
        <button type="button" className="button small end" onClick={close}>
          Close
        </button>
      </header>
      <Trouble error={error} again={again} />
      <Tabs tab={tab} choose={setTab} />
      {event && (
        <div role="tabpanel" id="one-panel" aria-labelledby={`one-${tab}`} tabIndex={0}>
          {tab === "verdict" && <VerdictView found={judged(event)} />}
          {tab === "metrics" && <Scores metrics={judged(event).metrics} time={Date.parse(asText(at(event, "@timestamp")) ?? "")} />}
          {tab === "fields" && <Fields event={event} add={add} columns={columns} toggle={toggle} />}
          {tab === "json" && <Raw id={id} event={event} />}
        </div>
      )}
    </section>
  );
}

function Tabs({ tab, choose }: { tab: Tab; choose: (tab: Tab) => void }): ReactElement {
  const step = (key: string): void => {
    const place = TABS.findIndex((one) => one.tab === tab);
    const to = key === "ArrowRight" ? place + 1 : key === "ArrowLeft" ? place - 1 : undefined;
    const next = to === undefined ? undefined : TABS[(to + TABS.length) % TABS.length];
    if (!next) return;
    choose(next.tab);
    document.getElementById(`one-${next.tab}`)?.focus();
  };
  return (
    <div className="tabs" role="tablist" aria-label="About this event" onKeyDown={(event) => step(event.key)}>
      {TABS.map((one) => (
        <button key={one.tab} type="button" role="tab" id={`one-${one.tab}`} aria-controls="one-panel" aria-selected={one.tab === tab} tabIndex={one.tab === tab ? 0 : -1} onClick={() => choose(one.tab)}>
          {one.title}
        </button>
      ))}
    </div>
  );
}

/** Values that are longer than this cannot be searched for as a whole. */
const LONGEST_FILTER = 256;

function Fields({ event, add, columns, toggle }: { event: JsonObject; add: (filter: Filter) => void; columns: readonly string[]; toggle: (column: string) => void }): ReactElement {
  const found = leaves(event, MOST_FIELDS);
  return (
    <div className="stack">
      <table className="plain fields">
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Value</th>
            <th scope="col">
              <span className="unseen">Filter</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {found.map((leaf, place) => {
            const value = show(leaf.value);
            const can = value !== "" && value.length <= LONGEST_FILTER && leaf.path.length <= LONGEST_FILTER;
            return (
              <tr key={place}>
                <td>
                  <Text value={leaf.path} most={120} />
                </td>
                <td>
                  {can ? (
                    <button type="button" className="link" title="only events with this value" onClick={() => add({ field: leaf.path, value, not: false })}>
                      <Text value={value} most={1000} lines />
                    </button>
                  ) : (
                    <Text value={value} most={1000} lines />
                  )}
                </td>
                <td className="act">
                  {can && (
                    <button type="button" className="round" title="only events without this value" aria-label={`without this ${titleOf(leaf.path)}`} onClick={() => add({ field: leaf.path, value, not: true })}>
                      −
                    </button>
                  )}
                  <button type="button" className="round" title={columns.includes(leaf.path) ? "no column of this field" : "a column of this field"} aria-label="column" aria-pressed={columns.includes(leaf.path)} onClick={() => toggle(leaf.path)}>
                    ▥
                  </button>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {found.length === MOST_FIELDS && <p className="quiet">There are more fields; the JSON has them all.</p>}
    </div>
  );
}

function Raw({ id, event }: { id: string; event: JsonObject }): ReactElement {
  const text = JSON.stringify(event, null, 2);
  return (
    <div className="stack">
      <div className="row">
        <a className="button small" href={`/v1/events/${encodeURIComponent(id)}`} target="_blank" rel="noreferrer">
          As the API gives it
        </a>
        <span className="quiet small">
          id <Text value={id} most={80} />
        </span>
      </div>
      <pre className="tree" tabIndex={0} aria-label="The event as JSON">
        <Text value={text} most={LONG} lines />
      </pre>
    </div>
  );
}
