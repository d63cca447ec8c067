/** Where the visitor is: everything that is chosen stands in the address, so that it can be kept, sent and gone back to. */

import { useSyncExternalStore } from "react";
import type { Filter, Range, Wanted } from "./api/search";

export type Page = "now" | "events" | "metrics" | "models" | "health";

export type Place = { readonly page: Page; readonly params: URLSearchParams };

export const PAGES: readonly { page: Page; title: string; key: string }[] = [
  { page: "now", title: "Now", key: "n" },
  { page: "events", title: "Events", key: "e" },
  { page: "metrics", title: "Metrics", key: "m" },
  { page: "models", title: "Models", key: "o" },
  { page: "health", title: "Health", key: "h" },
];

const BASE = "/ui/";
const USUAL: Range = { from: "now-24h", to: "" };
const listeners = new Set<() => void>();
let place = read();

window.addEventListener("popstate", moved);

function moved(): void {
  place = read();
  for (const listener of listeners) listener();
}

function read(): Place {
  const name = window.location.pathname.slice(BASE.length).split("/")[0] ?? "";
  const page = PAGES.find((one) => one.page === name)?.page ?? "now";
  return { page, params: new URLSearchParams(window.location.search) };
}

export function usePlace(): Place {
  return useSyncExternalStore(subscribe, () => place);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The address of a page. */
export function address(page: Page, params: URLSearchParams = new URLSearchParams()): string {
  const query = params.toString();
  return `${BASE}${page === "now" ? "" : page}${query === "" ? "" : `?${query}`}`;
}

/** Goes there. `quietly` leaves no step to go back to, for what changes while one types. */
export function go(to: string, quietly = false): void {
  if (to === window.location.pathname + window.location.search) return;
  if (quietly) window.history.replaceState(null, "", to);
  else window.history.pushState(null, "", to);
  moved();
}

/** What the address asks for. */
export function wanted(params: URLSearchParams, usual: Range = USUAL): Wanted {
  const filters = params.getAll("f").map(readFilter).filter((one) => one !== undefined);
  return { q: params.get("q") ?? "", filters, range: { from: params.get("from") ?? usual.from, to: params.get("to") ?? usual.to } };
}

/** The same as parameters; what is usual is left out. */
export function parameters({ q, filters, range }: Wanted, usual: Range = USUAL): URLSearchParams {
  const params = new URLSearchParams();
  if (q !== "") params.set("q", q);
  for (const { field, value, not } of filters) params.append("f", JSON.stringify(not ? [field, value, 0] : [field, value]));
  if (range.from !== usual.from) params.set("from", range.from);
  if (range.to !== usual.to) params.set("to", range.to);
  return params;
}

/** The address of the events with this value, within the range that is looked at. */
export function eventsWith(field: string, value: string, range: Range = USUAL, q = ""): string {
  return address("events", parameters({ q, filters: [{ field, value, not: false }], range }));
}

function readFilter(text: string): Filter | undefined {
  try {
    const read: unknown = JSON.parse(text);
    if (!Array.isArray(read) || typeof read[0] !== "string" || typeof read[1] !== "string") return undefined;
    return { field: read[0], value: read[1], not: read.length > 2 };
  } catch {
    return undefined;
  }
}
