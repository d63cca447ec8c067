import { useCallback, useEffect, useRef, useState } from "react";
import { page, type Kind, type Wanted } from "../../api/search";
import type { Hit } from "../../api/types";

const PAGE = 200;
/** Hits that the page holds; who wants more narrows the search, or exports. */
export const MOST = 20_000;

export type Hits = {
  readonly hits: readonly Hit[];
  readonly loading: boolean;
  readonly error: Error | undefined;
  /** Whether there are more than are here. */
  readonly more: boolean;
  readonly fetchMore: () => void;
};

type State = { hits: Hit[]; next: string | null; loading: boolean; error: Error | undefined };

/** The hits of a search, page after page, as far as somebody scrolls. */
export function useHits(kind: Kind, wanted: Wanted, key: string): Hits {
  const [state, setState] = useState<State>({ hits: [], next: null, loading: true, error: undefined });
  const asked = useRef(wanted);
  asked.current = wanted;
  const turn = useRef<AbortController | null>(null);
  const fetch = useCallback(
    (cursor: string, before: Hit[]) => {
      turn.current?.abort();
      const cancel = new AbortController();
      turn.current = cancel;
      setState((now) => ({ ...now, loading: true, error: undefined }));
      page(kind, asked.current, PAGE, cursor, cancel.signal).then(
        (found) => {
          if (cancel.signal.aborted) return;
          setState({ hits: [...before, ...found.hits.hits], next: found.next ?? null, loading: false, error: undefined });
        },
        (error: unknown) => {
          if (cancel.signal.aborted) return;
          setState({ hits: before, next: null, loading: false, error: error instanceof Error ? error : new Error(String(error)) });
        },
      );
    },
    [kind],
  );
  useEffect(() => {
    fetch("", []);
    return () => turn.current?.abort();
  }, [fetch, key]);
  const { hits, next, loading } = state;
  const fetchMore = useCallback(() => {
    if (!loading && next !== null && hits.length < MOST) fetch(next, hits);
  }, [fetch, hits, next, loading]);
  return { hits, loading, error: state.error, more: next !== null, fetchMore };
}
