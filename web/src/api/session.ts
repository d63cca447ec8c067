/** Who looks at the page, and whether they have to say so. */

import { useSyncExternalStore } from "react";
import { change, get, secondToken } from "./http";

export type Role = "ingest" | "read" | "analyse" | "admin";
export type Who = { needed: boolean; name: string | null; roles: Role[]; csrf: string | null };

/** Undefined until it is known. */
let who: Who | undefined;
let failed: Error | undefined;
const listeners = new Set<() => void>();

/** Asks who it is; everything else waits for that. */
export async function ask(): Promise<void> {
  try {
    who = await get<Who>("/v1/session");
    failed = undefined;
    secondToken(who.csrf);
  } catch (error) {
    failed = error instanceof Error ? error : new Error(String(error));
  }
  for (const listener of listeners) listener();
}

export async function logIn(name: string, password: string): Promise<void> {
  await change("POST", "/v1/session", { name, password });
  await ask();
}

export async function logOut(): Promise<void> {
  await change("DELETE", "/v1/session");
  // what was shown to the one who leaves is not left for the next one
  window.location.assign("/ui/");
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useWho(): Who | undefined {
  return useSyncExternalStore(subscribe, () => who);
}

export function useFailure(): Error | undefined {
  return useSyncExternalStore(subscribe, () => failed);
}

/** Whether they may do what takes this role. */
export function may(one: Who | undefined, role: Role): boolean {
  return one?.roles.includes(role) ?? false;
}
