import { useState, type FormEvent, type ReactElement } from "react";
import { logIn } from "../api/session";
import { Trouble } from "../parts/basics";

/** Asks who it is, where the configuration wants to know. */
export function Login(): ReactElement {
  const [error, setError] = useState<Error>();
  const [busy, setBusy] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setError(undefined);
    logIn(String(form.get("name") ?? ""), String(form.get("password") ?? "")).catch((reason: unknown) => {
      setBusy(false);
      setError(reason instanceof Error ? reason : new Error(String(reason)));
    });
  };
  return (
    <main id="main" style={{ maxWidth: "26rem", paddingTop: "12vh" }}>
      <h1>oversight</h1>
      <form className="card" onSubmit={submit}>
        <label className="stack">
          Name
          <input className="field" name="name" autoComplete="username" required autoFocus maxLength={200} />
        </label>
        <label className="stack">
          Password
          <input className="field" name="password" type="password" autoComplete="current-password" required maxLength={1000} />
        </label>
        <Trouble error={error} />
        <button className="button strong" disabled={busy}>
          Log in
        </button>
      </form>
      <p className="quiet small">Users stand in the configuration, under security.users.</p>
    </main>
  );
}
