import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, type CSSProperties, type KeyboardEvent, type ReactElement } from "react";
import type { Column } from "./columns";
import type { Hits } from "./hits";

const ROW = 31;

type Props = { readonly hits: Hits; readonly columns: readonly Column[]; readonly chosen: string | undefined; readonly choose: (id: string) => void };

/** The hits as a table of which only what is seen is there. Up and down move, Enter opens. */
export function Table({ hits, columns, chosen, choose }: Props): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({ count: hits.hits.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 12 });
  const items = rows.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const { fetchMore, more } = hits;
  useEffect(() => {
    if (more && last > hits.hits.length - 60) fetchMore();
  }, [last, more, hits.hits.length, fetchMore]);
  const place = hits.hits.findIndex((hit) => hit._id === chosen);
  const active = place >= 0 ? place : 0;
  const move = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor((box.current?.clientHeight ?? 300) / ROW) - 2);
    const focused = Number((event.target as HTMLElement).closest("[data-place]")?.getAttribute("data-place") ?? active);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -focused, End: hits.hits.length };
    const step = steps[event.key];
    const hit = hits.hits[focused];
    if ((event.key === "Enter" || event.key === " ") && hit) {
      event.preventDefault();
      choose(hit._id);
    }
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(hits.hits.length - 1, focused + step));
    rows.scrollToIndex(next);
    // the row is there once it has been drawn
    window.requestAnimationFrame(() => window.requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(`[data-place="${next}"]`)?.focus({ preventScroll: true })));
  };
  const style = { "--columns": columns.map((column) => column.width).join(" "), "--least": `${columns.length * 7}rem` } as CSSProperties;
  return (
    <div ref={box} className="list" role="grid" aria-label="Events" aria-rowcount={hits.more ? -1 : hits.hits.length + 1} aria-busy={hits.loading} style={style} onKeyDown={move}>
      <div role="row" className="names" aria-rowindex={1}>
        {columns.map((column) => (
          <div role="columnheader" key={column.name} className={column.number ? "number" : ""}>
            {column.title}
          </div>
        ))}
      </div>
      <div role="rowgroup" style={{ height: rows.getTotalSize(), position: "relative" }}>
        {items.map((item) => {
          const hit = hits.hits[item.index];
          if (!hit) return null;
          return (
            <div
              key={item.key}
              role="row"
              className="event"
              aria-rowindex={item.index + 2}
              aria-selected={hit._id === chosen}
              tabIndex={item.index === active ? 0 : -1}
              data-place={item.index}
              style={{ height: ROW, transform: `translateY(${item.start}px)` }}
              onClick={() => choose(hit._id)}
            >
              {columns.map((column) => (
                <div role="gridcell" key={column.name} className={column.number ? "number" : ""}>
                  {column.cell(hit._source)}
                </div>
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}
