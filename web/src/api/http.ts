/** Requests to the API, and what it says when it does not answer them. */

/** Why a request was not answered; the message is the API's own. */
export class Problem extends Error {
  constructor(
    /** The HTTP status; 0 where nobody answered. */
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = "Problem";
  }
}

/** JSON from a path. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await send<T>("GET", path, undefined, { signal })).body;
}

/** JSON from a path, with its `ETag`. */
export async function getTagged<T>(path: string, signal?: AbortSignal): Promise<{ body: T; tag: string | null }> {
  return send<T>("GET", path, undefined, { signal });
}

/** Sends JSON and takes JSON. */
export async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return (await send<T>("POST", path, body, { signal })).body;
}

/** Changes something, if nobody else has since `tag` was read. */
export async function change<T>(method: "POST" | "PUT" | "DELETE", path: string, body?: unknown, tag?: string | null): Promise<T> {
  return (await send<T>(method, path, body, { tag })).body;
}

let csrf: string | null = null;

/** From now on this is shown with everything that could change something: that it is this page which asks, and no other site's. */
export function secondToken(token: string | null): void {
  csrf = token;
}

type Options = { signal?: AbortSignal | undefined; tag?: string | null | undefined };

async function send<T>(method: string, path: string, body: unknown, { signal, tag }: Options): Promise<{ body: T; tag: string | null }> {
  const headers: Record<string, string> = { accept: "application/json", "x-oversight-page": "1" };
  if (csrf !== null && method !== "GET") headers["x-csrf-token"] = csrf;
  if (body !== undefined) headers["content-type"] = "application/json";
  if (tag) headers["if-match"] = tag;
  let response: Response;
  try {
    response = await fetch(path, { method, headers, signal: signal ?? null, body: body === undefined ? null : JSON.stringify(body) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, "oversight does not answer; is it running?");
  }
  if (!response.ok) throw new Problem(response.status, await reasonOf(response));
  return { body: (await response.json()) as T, tag: response.headers.get("etag") };
}

/** `application/problem+json` has a detail; older routes answer `{"error":{"reason"}}`. */
async function reasonOf(response: Response): Promise<string> {
  const fallback = `${response.status} ${response.statusText}`;
  try {
    const body = (await response.json()) as { detail?: unknown; error?: { reason?: unknown } };
    const reason = body.detail ?? body.error?.reason;
    return typeof reason === "string" && reason !== "" ? reason : fallback;
  } catch {
    return fallback;
  }
}
