import { useSyncExternalStore, type ReactElement } from "react";
import { get, post, Problem } from "../api/http";
import { Meter, Trouble } from "../parts/basics";
import { count } from "../text/format";

/** Events of one request, and the pause between two: a day of made-up traffic takes about a minute. */
const SIZE = 1_000;
const PAUSE_MILLIS = 900;
/** About how many events the day has; only the meter depends on it. */
const ABOUT = 60_000;

type Run = { readonly sent: number; readonly state: "idle" | "under way" | "done"; readonly error?: Error };

/** One run for the whole page, so that it goes on while its starter looks at what comes in. */
let run: Run = { sent: 0, state: "idle" };
let stop: AbortController | undefined;
const watchers = new Set<() => void>();

function become(next: Run): void {
  run = next;
  watchers.forEach((told) => told());
}

const watch = (told: () => void): (() => void) => {
  watchers.add(told);
  return () => watchers.delete(told);
};

const later = (millis: number): Promise<void> => new Promise((done) => setTimeout(done, millis));

/** Sends the events as any shipper would, the same batch again where oversight is busy. */
async function send(events: readonly unknown[], signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await post("/v1/events", events, signal);
      return;
    } catch (error) {
      const busy = error instanceof Problem && (error.status === 429 || error.status === 503);
      if (!busy) throw error;
      await later(1_000);
    }
  }
}

async function simulate(): Promise<void> {
  const own = new AbortController();
  stop = own;
  const end = new Date().toISOString();
  become({ sent: 0, state: "under way" });
  try {
    while (!own.signal.aborted) {
      const events = await get<unknown[]>(`/v1/simulated?end=${end}&skip=${run.sent}&size=${SIZE}`, own.signal);
      if (events.length > 0) await send(events, own.signal);
      become({ ...run, sent: run.sent + events.length });
      if (events.length < SIZE) break;
      await later(PAUSE_MILLIS);
    }
    become({ ...run, state: "done" });
  } catch (reason: unknown) {
    const error = reason instanceof Error ? reason : new Error(String(reason));
    become(own.signal.aborted ? { ...run, state: "done" } : { ...run, state: "done", error });
  }
}

/** How a run goes that was started before anything had come in; nothing where there is none. */
export function Simulating(): ReactElement | null {
  const { state } = useSyncExternalStore(watch, () => run);
  return state === "under way" ? <Simulator /> : null;
}

/** A day of made-up traffic with attacks in it, sent from this page within a minute. */
export function Simulator(): ReactElement {
  const { sent, state, error } = useSyncExternalStore(watch, () => run);
  const going = state === "under way";
  return (
    <div className="stack">
      <div className="row">
        {going ? (
          <button type="button" className="button" onClick={() => stop?.abort()}>
            Stop
          </button>
        ) : (
          <button type="button" className="button" onClick={() => void simulate()}>
            Run the simulator for a minute
          </button>
        )}
        <span role="status">
          {going && `${count(sent)} events of a made-up day with attacks in it were sent.`}
          {state === "done" && `${count(sent)} made-up events were sent; labels.scenario says what was planted.`}
        </span>
      </div>
      {going && <Meter share={Math.min(1, sent / ABOUT)} label={`${count(sent)} events sent`} colour="var(--accent)" />}
      <Trouble error={error} />
      <p className="quiet small">A day of an office network: a port scan, a SYN flood, password guessing, a beacon and an exfiltration, among ordinary connections. It is stored like any other events.</p>
    </div>
  );
}
