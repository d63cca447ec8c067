import type { CSSProperties, MouseEvent, ReactElement, ReactNode } from "react";
import { Problem as HttpProblem } from "../api/http";
import { go } from "../route";
import { Text } from "./text";

/** A link within the page. */
export function Go({ to, children, ...rest }: { to: string; children: ReactNode; className?: string; style?: CSSProperties; title?: string; "aria-current"?: "page" | undefined }): ReactElement {
  const follow = (event: MouseEvent): void => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={to} onClick={follow} {...rest}>
      {children}
    </a>
  );
}

/** Sets a custom property of CSS. */
export function tone(colour: string, more: Record<string, string> = {}): CSSProperties {
  return { "--tone": colour, ...more } as CSSProperties;
}

/** A surface with a heading. */
export function Card({ title, end, children, id }: { title: string; end?: ReactNode; children: ReactNode; id?: string }): ReactElement {
  return (
    <section className="card" aria-label={title} id={id}>
      <header>
        <h2>{title}</h2>
        {end !== undefined && <div className="end">{end}</div>}
      </header>
      {children}
    </section>
  );
}

/** One figure that is understood at once. */
export function Tile({ figure, what, more, colour, to }: { figure: string; what: string; more?: string | undefined; colour?: string; to?: string }): ReactElement {
  const inside = (
    <>
      <span className="what">{what}</span>
      <span className="figure">{figure}</span>
      {more !== undefined && <span className="more">{more}</span>}
    </>
  );
  const style = colour === undefined ? {} : { style: tone(colour) };
  return to === undefined ? (
    <div className="tile" {...style}>
      {inside}
    </div>
  ) : (
    <Go to={to} className="tile" {...style}>
      {inside}
    </Go>
  );
}

/** What went wrong, in the API's own words. */
export function Trouble({ error, again }: { error: Error | undefined; again?: () => void }): ReactElement | null {
  if (error === undefined) return null;
  const denied = error instanceof HttpProblem && (error.status === 401 || error.status === 403);
  return (
    <div className="problem" role="alert">
      <span>
        <Text value={error.message} most={600} />
        {denied && " You may need another role to see this."}
      </span>
      {again && (
        <button type="button" className="button small" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Nothing to show, and why. */
export function Empty({ children }: { children: ReactNode }): ReactElement {
  return <p className="empty">{children}</p>;
}

/** A share as a bar. */
export function Meter({ share, colour, label }: { share: number; colour?: string; label: string }): ReactElement {
  const width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return (
    <div className="meter" role="img" aria-label={label} style={colour === undefined ? undefined : tone(colour)}>
      <i style={{ width }} />
    </div>
  );
}

/** What a verdict is called: `normal`, a known attack, or unlike anything known. */
export function VerdictBadge({ verdict }: { verdict: string | undefined }): ReactElement {
  if (verdict === undefined) return <span className="badge none">not judged</span>;
  const [kind, word] = verdict === "known" ? ["attack", "known attack"] : verdict === "unknown" ? ["unknown", "unknown"] : ["normal", "normal"];
  return <span className={`badge ${kind}`}>{word}</span>;
}
