import { useState, type ReactElement } from "react";
import { post } from "../api/http";
import { Card, Trouble } from "../parts/basics";
import { Simulator } from "./simulator";

/** A connection as Zeek writes it, so that there is something to judge. */
function testEvent(): Record<string, unknown> {
  return {
    "@timestamp": new Date().toISOString(),
    uid: `CTest${Date.now()}`,
    "id.orig_h": "192.0.2.10",
    "id.orig_p": 40_000,
    "id.resp_h": "192.0.2.20",
    "id.resp_p": 443,
    proto: "tcp",
    service: "ssl",
    duration: 0.8,
    orig_bytes: 900,
    resp_bytes: 5200,
    conn_state: "SF",
    tags: ["test event from the web page"],
  };
}

/** Nothing has come in yet: how to change that. */
export function FirstRun(): ReactElement {
  const url = `${window.location.origin}/`;
  const [sent, setSent] = useState<"no" | "under way" | "yes">("no");
  const [error, setError] = useState<Error>();
  const send = (): void => {
    setSent("under way");
    setError(undefined);
    post("/v1/events", testEvent()).then(
      () => setSent("yes"),
      (reason: unknown) => {
        setSent("no");
        setError(reason instanceof Error ? reason : new Error(String(reason)));
      },
    );
  };
  const logstash = `output {
  http {
    url => "${url}"
    http_method => "post"
    format => "json_batch"
    retry_failed => true
  }
}`;
  const beats = `output.elasticsearch:
  hosts: ["${window.location.origin}"]`;
  return (
    <>
      <div className="head">
        <h1>Nothing has come in yet</h1>
      </div>
      <p>oversight waits for events at {url}. This page changes by itself when the first one is there.</p>
      <Card title="Try it">
        <div className="row">
          <button type="button" className="button strong" onClick={send} disabled={sent === "under way"}>
            Send a test event
          </button>
          <span role="status">{sent === "yes" && "Sent and on disk; it shows here as soon as it is stored."}</span>
        </div>
        <Trouble error={error} />
        <Simulator />
      </Card>
      <div className="columns wide">
        <Card title="From Logstash">
          <Snippet label="Logstash output" text={logstash} />
        </Card>
        <Card title="From Filebeat, or whatever writes to Elasticsearch">
          <Snippet label="Filebeat output" text={beats} />
          <p className="quiet">Vector, Fluent Bit, rsyslog and the Python clients write here in the same way.</p>
        </Card>
      </div>
    </>
  );
}

/** Text to copy. */
function Snippet({ label, text }: { label: string; text: string }): ReactElement {
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    // without HTTPS a browser may not let us; the text can be marked all the same
    navigator.clipboard?.writeText(text).then(() => setCopied(true), () => setCopied(false));
  };
  return (
    <div className="stack">
      <pre className="tree" tabIndex={0} aria-label={label}>
        {text}
      </pre>
      <div>
        <button type="button" className="button small" onClick={copy}>
          {copied ? "Copied" : "Copy"}
        </button>
      </div>
    </div>
  );
}
