import type { ReactElement } from "react";
import { hiddenBeyond, pieces, SHORT } from "../text/safe";
import { count } from "../text/format";

/** A text that a stranger wrote: isolated from what stands around it, with everything invisible named, and cut where it is long. */
export function Text({ value, most = SHORT, lines = false }: { value: string; most?: number; lines?: boolean }): ReactElement {
  const beyond = hiddenBeyond(value, most);
  return (
    <bdi className="value">
      {pieces(value, most, lines).map((piece, place) =>
        piece.named ? (
          <span key={place} className="named" title="a character that cannot be seen">
            {piece.text}
          </span>
        ) : (
          piece.text
        ),
      )}
      {beyond > 0 && <span className="named">{`… ${count(beyond)} characters more`}</span>}
    </bdi>
  );
}
