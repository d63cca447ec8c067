import { useState, type ReactElement } from "react";
import { get, post } from "../../api/http";
import type { Letter, Letters, Redriven } from "../../api/types";
import { useAnswer } from "../../api/use";
import { Card, Empty, Trouble } from "../../parts/basics";
import { Text } from "../../parts/text";
import { count, moment } from "../../text/format";

const PAGE = 25;

/** What was refused, why, and how to send it again once the cause is gone. */
export function DeadLetters({ kept }: { kept: number | undefined }): ReactElement {
  const [after, setAfter] = useState<number[]>([0]);
  const from = after.at(-1) ?? 0;
  const reasons = useAnswer(`reasons ${kept}`, (signal) => get<Record<string, number>>("/v1/dead-letters/reasons", signal));
  const page = useAnswer(`${from} ${kept}`, (signal) => get<Letters>(`/v1/dead-letters?size=${PAGE}&after=${from}`, signal));
  const [told, setTold] = useState<string>();
  const [error, setError] = useState<Error>();
  const send = (order: Record<string, unknown>): void => {
    setTold(undefined);
    setError(undefined);
    post<Redriven>("/v1/dead-letters/redrive", order).then(
      (done) => {
        setTold(say(done, order["dry_run"] === true));
        if (order["dry_run"] === true) return;
        reasons.again();
        page.again();
      },
      (reason: unknown) => setError(reason instanceof Error ? reason : new Error(String(reason))),
    );
  };
  const { data } = page;
  const none = data !== undefined && data.count === 0;
  return (
    <Card
      title="Dead letters"
      end={
        !none && (
          <div className="row">
            <button type="button" className="button small" onClick={() => send({ dry_run: true })}>
              Try sending all again
            </button>
            <button type="button" className="button small strong" onClick={() => send({})}>
              Send all again
            </button>
          </div>
        )
      }
    >
      <Trouble error={error ?? page.error ?? reasons.error} again={page.again} />
      <p role="status">{told}</p>
      {none && <Empty>There are none: everything that came in could be read and stored.</Empty>}
      {!none && reasons.data && <Reasons reasons={reasons.data} />}
      {data && data.letters.length > 0 && (
        <>
          <div className="scroll" tabIndex={0} role="region" aria-label="Dead letters">
            <table className="plain">
              <thead>
                <tr>
                  <th scope="col">When</th>
                  <th scope="col">Why</th>
                  <th scope="col">From</th>
                  <th scope="col">What it was</th>
                  <th scope="col">
                    <span className="unseen">Send again</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {data.letters.map((letter) => (
                  <tr key={letter.number}>
                    <td>{moment(letter.at)}</td>
                    <td className="wordy">
                      <Text value={letter.reason} most={400} />
                    </td>
                    <td>
                      <Text value={letter.source} most={80} />
                    </td>
                    <td className="wordy">
                      <Content letter={letter} />
                    </td>
                    <td>
                      <button type="button" className="button small" onClick={() => send({ number: letter.number })} aria-label={`Send letter ${letter.number} again`}>
                        Again
                      </button>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <div className="row">
            <button type="button" className="button small" disabled={after.length < 2} onClick={() => setAfter(after.slice(0, -1))}>
              Older ones
            </button>
            <button type="button" className="button small" disabled={data.next === null} onClick={() => setAfter([...after, data.next ?? 0])}>
              Younger ones
            </button>
          </div>
        </>
      )}
    </Card>
  );
}

function Reasons({ reasons }: { reasons: Record<string, number> }): ReactElement {
  const sorted = Object.entries(reasons).sort(([, one], [, other]) => other - one);
  return (
    <ul className="top">
      {sorted.slice(0, 12).map(([reason, times]) => (
        <li key={reason}>
          <Text value={reason} most={300} />
          <span className="number">{count(times)}</span>
        </li>
      ))}
    </ul>
  );
}

function Content({ letter }: { letter: Letter }): ReactElement {
  const raw = letter.raw ?? letter.raw_base64 ?? "";
  const kind = letter.raw === undefined ? "bytes that are no text, in base64" : letter.content;
  return (
    <details>
      <summary>
        {kind}, {count(raw.length)} characters
      </summary>
      <pre className="tree" tabIndex={0} aria-label="What it was">
        <Text value={raw} most={4000} lines />
      </pre>
    </details>
  );
}

function say(done: Redriven, dry: boolean): string {
  const others = Object.entries(done).filter(([name, value]) => name !== "redriven" && typeof value === "number" && value > 0);
  const rest = others.map(([name, value]) => `${count(value)} ${name.replaceAll("_", " ")}`).join(", ");
  return `${count(done.redriven)} ${dry ? "would be sent" : "were sent"} again${rest === "" ? "" : `; ${rest}`}.`;
}
