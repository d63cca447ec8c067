import { useState, type FormEvent, type ReactElement } from "react";
import { bound, millis, type Range } from "../api/search";
import { moment } from "../text/format";

const SPANS: readonly { name: string; from: string }[] = [
  { name: "15 min", from: "now-15m" },
  { name: "1 h", from: "now-1h" },
  { name: "24 h", from: "now-24h" },
  { name: "7 d", from: "now-7d" },
  { name: "All", from: "" },
];

/** Chooses when: a stretch up to now, or from one time to another. */
export function Spans({ range, choose }: { range: Range; choose: (range: Range) => void }): ReactElement {
  const [open, setOpen] = useState(false);
  const custom = range.to !== "" || !SPANS.some((span) => span.from === range.from);
  return (
    <div className="row">
      <div className="group" role="group" aria-label="Time range">
        {SPANS.map((span) => (
          <button key={span.name} type="button" className="button" aria-pressed={!custom && span.from === range.from} onClick={() => choose({ from: span.from, to: "" })}>
            {span.name}
          </button>
        ))}
        <button type="button" className="button" aria-pressed={custom} aria-expanded={open} onClick={() => setOpen(!open)}>
          {custom ? shown(range) : "From … to"}
        </button>
      </div>
      {open && (
        <Between
          range={range}
          choose={(chosen) => {
            setOpen(false);
            choose(chosen);
          }}
        />
      )}
    </div>
  );
}

function Between({ range, choose }: { range: Range; choose: (range: Range) => void }): ReactElement {
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const read = (name: string): string => {
      const text = String(form.get(name) ?? "");
      const time = new Date(text).getTime();
      return text === "" || Number.isNaN(time) ? "" : String(time);
    };
    choose({ from: read("from"), to: read("to") });
  };
  return (
    <form className="row" onSubmit={submit}>
      <label>
        From <input className="field" type="datetime-local" step="1" name="from" defaultValue={local(range.from)} />
      </label>
      <label>
        to <input className="field" type="datetime-local" step="1" name="to" defaultValue={local(range.to)} />
      </label>
      <button className="button strong">Show</button>
    </form>
  );
}

function local(time: string): string {
  const at = millis(time);
  return at === undefined || time === "" ? "" : moment(at).replace(" ", "T");
}

function shown({ from, to }: Range): string {
  const say = (time: string, none: string): string => (time === "" ? none : /^\d+$/.test(time) ? moment(Number(time)) : bound(time));
  return `${say(from, "the beginning")} – ${say(to, "now")}`;
}
