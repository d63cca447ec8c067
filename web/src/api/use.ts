import { useCallback, useEffect, useRef, useState } from "react";

/** How an answer stands: what came last stays while the next is under way. */
export type Answer<T> = {
  readonly data: T | undefined;
  readonly error: Error | undefined;
  readonly loading: boolean;
  /** Asks again. */
  readonly again: () => void;
};

/**
 * Asks when `key` changes, and forgets what is under way for an older one. `key` has to name everything that the question
 * depends on; null asks nothing.
 */
export function useAnswer<T>(key: string | null, ask: (signal: AbortSignal) => Promise<T>): Answer<T> {
  const [state, setState] = useState<{ data?: T; error?: Error; loading: boolean }>({ loading: key !== null });
  const [turn, setTurn] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    if (key === null) return;
    const cancel = new AbortController();
    setState((before) => ({ ...before, loading: true }));
    latest.current(cancel.signal).then(
      (data) => !cancel.signal.aborted && setState({ data, loading: false }),
      (error: unknown) => {
        if (cancel.signal.aborted) return;
        const told = error instanceof Error ? error : new Error(String(error));
        setState((before) => ({ ...before, error: told, loading: false }));
      },
    );
    return () => cancel.abort();
  }, [key, turn]);
  const again = useCallback(() => setTurn((before) => before + 1), []);
  return { data: state.data, error: state.error, loading: state.loading, again };
}
