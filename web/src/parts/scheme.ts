/** Light, dark, or what the system has. */

import { useSyncExternalStore } from "react";

export type Scheme = "system" | "light" | "dark";

const KEY = "oversight.scheme";
const listeners = new Set<() => void>();
const dark = window.matchMedia("(prefers-color-scheme: dark)");
let chosen: Scheme = read();

dark.addEventListener("change", tell);
apply();

function read(): Scheme {
  try {
    const kept = window.localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    // a browser that keeps nothing shows what the system has
    return "system";
  }
}

function apply(): void {
  if (chosen === "system") delete document.documentElement.dataset["scheme"];
  else document.documentElement.dataset["scheme"] = chosen;
}

function tell(): void {
  for (const listener of listeners) listener();
}

/** From now on this one. */
export function choose(scheme: Scheme): void {
  chosen = scheme;
  apply();
  try {
    window.localStorage.setItem(KEY, scheme);
  } catch {
    // it holds until the page is closed
  }
  tell();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useScheme(): Scheme {
  return useSyncExternalStore(subscribe, () => chosen);
}

/** Whether dark is shown now; what is painted by hand is painted anew when that changes. */
export function useDark(): boolean {
  return useSyncExternalStore(subscribe, () => (chosen === "system" ? dark.matches : chosen === "dark"));
}
