/**
 * How it goes, as it changes: one stream of server-sent events for the whole page, kept while anything shows it. Where the
 * stream cannot be had (a proxy that does not let it through, too many lookers-on) it is asked for every few seconds.
 */

import { useSyncExternalStore } from "react";
import { get } from "./http";
import type { Status } from "./types";

/** A status, and when the page got it. */
export type Tick = { readonly at: number; readonly status: Status };

export type Live = {
  /** The last two minutes, oldest first. */
  readonly ticks: readonly Tick[];
  readonly latest: Status | undefined;
  /** Whether oversight answered when it was last asked. */
  readonly reachable: boolean | undefined;
};

const KEPT = 120;
const POLL_MS = 3000;

let state: Live = { ticks: [], latest: undefined, reachable: undefined };
const listeners = new Set<() => void>();
let stop: (() => void) | undefined;

export function useLive(): Live {
  return useSyncExternalStore(subscribe, () => state);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  stop ??= begin();
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      stop?.();
      stop = undefined;
    }
  };
}

function tell(next: Live): void {
  state = next;
  for (const listener of listeners) listener();
}

function take(status: Status): void {
  const ticks = [...state.ticks, { at: Date.now(), status }].slice(-KEPT);
  tell({ ticks, latest: status, reachable: true });
}

function begin(): () => void {
  const source = new EventSource("/v1/status/live");
  let timer: number | undefined;
  const poll = (): void => {
    get<Status>("/v1/status").then(take, () => tell({ ...state, reachable: false }));
  };
  source.addEventListener("status", (event: MessageEvent<string>) => {
    window.clearInterval(timer);
    timer = undefined;
    take(JSON.parse(event.data) as Status);
  });
  source.addEventListener("error", () => {
    // the browser tries again by itself, unless it was refused; meanwhile the numbers are asked for
    timer ??= window.setInterval(poll, POLL_MS);
    poll();
  });
  return () => {
    source.close();
    window.clearInterval(timer);
  };
}

/** Events that came in per second, over the last `seconds`; undefined while there is too little to say. */
export function rate(ticks: readonly Tick[], seconds: number, of: (status: Status) => number): number | undefined {
  const last = ticks.at(-1);
  if (!last) return undefined;
  const first = ticks.find((tick) => tick.at >= last.at - seconds * 1000 - 200 && tick.status.started === last.status.started);
  if (!first || last.at - first.at < 900) return undefined;
  return ((of(last.status) - of(first.status)) * 1000) / (last.at - first.at);
}
