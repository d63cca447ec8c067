import { Component, lazy, Suspense, useEffect, useRef, type ReactElement, type ReactNode } from "react";
import { useLive } from "./api/live";
import { ask, logOut, useFailure, useWho, type Who } from "./api/session";
import { Go, Trouble } from "./parts/basics";
import { choose, useScheme, type Scheme } from "./parts/scheme";
import { Text } from "./parts/text";
import { Login } from "./pages/login";
import { Now } from "./pages/now";
import { address, go, PAGES, usePlace, type Page } from "./route";
import { plain } from "./text/safe";

// the first view is Now; the others come when somebody goes there
const shown: Record<Page, () => ReactElement> = {
  now: Now,
  events: lazy(() => import("./pages/events")) as unknown as () => ReactElement,
  metrics: lazy(() => import("./pages/metrics")) as unknown as () => ReactElement,
  models: lazy(() => import("./pages/models")) as unknown as () => ReactElement,
  health: lazy(() => import("./pages/health")) as unknown as () => ReactElement,
};

/** The page, once it is known who looks at it. */
export function App(): ReactElement {
  const who = useWho();
  const failure = useFailure();
  useEffect(() => void ask(), []);
  if (failure) {
    return (
      <main id="main">
        <h1>oversight</h1>
        <Trouble error={failure} again={() => void ask()} />
      </main>
    );
  }
  if (!who) return <main id="main" />;
  return who.needed && who.name === null ? <Login /> : <Frame who={who} />;
}

/** The frame around all pages. */
function Frame({ who }: { who: Who }): ReactElement {
  const { page } = usePlace();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const title = PAGES.find((one) => one.page === page)?.title ?? "";
  useEffect(() => {
    document.title = `${title} · oversight`;
    // who goes on by keyboard or by ear is taken along
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
    window.scrollTo(0, 0);
  }, [page, title]);
  useShortcuts();
  const View = shown[page];
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="bar">
        <Go to={address("now")} className="brand">
          <Eye /> oversight
        </Go>
        <nav aria-label="Pages">
          <ul>
            {PAGES.map((one) => (
              <li key={one.page}>
                <Go to={address(one.page)} aria-current={one.page === page ? "page" : undefined} title={`Alt+Shift+${one.key.toUpperCase()}`}>
                  {one.title}
                </Go>
              </li>
            ))}
          </ul>
        </nav>
        <div className="end">
          <State />
          <SchemeChoice />
          {who.name !== null && who.csrf !== null && (
            <button type="button" className="button" onClick={() => void logOut()}>
              Log out {plain(who.name, 40)}
            </button>
          )}
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <Failsafe key={page}>
          <Suspense fallback={<p className="empty">Loading …</p>}>
            <View />
          </Suspense>
        </Failsafe>
      </main>
    </>
  );
}

/** Alt+Shift and a letter goes to a page; `/` goes to the search field. */
function useShortcuts(): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      const writes = target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
      if (event.altKey && event.shiftKey) {
        const page = PAGES.find((one) => `Key${one.key.toUpperCase()}` === event.code);
        if (!page) return;
        event.preventDefault();
        go(address(page.page));
      } else if (event.key === "/" && !writes) {
        const search = document.querySelector<HTMLInputElement>("input[type=search]");
        if (!search) return;
        event.preventDefault();
        search.focus();
      }
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}

function State(): ReactElement {
  const { latest, reachable } = useLive();
  if (reachable === false) return <span className="badge attack" role="status">does not answer</span>;
  if (!latest) return <span className="badge none" role="status">…</span>;
  const word = latest.health.status;
  return (
    <Go to={address("health")} title="Health">
      <span className={`badge ${word === "ready" ? "good" : word === "degraded" ? "unknown" : "attack"}`} role="status">
        {word}
      </span>
    </Go>
  );
}

function SchemeChoice(): ReactElement {
  const scheme = useScheme();
  return (
    <select className="field" aria-label="Colours" value={scheme} onChange={(event) => choose(event.target.value as Scheme)}>
      <option value="system">System colours</option>
      <option value="light">Light</option>
      <option value="dark">Dark</option>
    </select>
  );
}

function Eye(): ReactElement {
  return (
    <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M3 16c3.4-5.4 7.800-8 13-8s9.600 2.600 13 8c-3.400 5.400-7.800 8-13 8s-9.600-2.600-13-8z" fill="none" stroke="currentColor" strokeWidth="2.4" />
      <circle cx="16" cy="16" r="4.200" fill="var(--accent)" />
    </svg>
  );
}

/** A page that fails takes neither the others nor the way to them along. */
class Failsafe extends Component<{ children: ReactNode }, { error: Error | undefined }> {
  override state: { error: Error | undefined } = { error: undefined };

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <div className="problem" role="alert">
        <span>
          This page failed: <Text value={error.message} most={400} />
        </span>
        <button type="button" className="button" onClick={() => window.location.reload()}>
          Load again
        </button>
      </div>
    );
  }
}
