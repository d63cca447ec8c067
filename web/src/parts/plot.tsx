import { useEffect, useRef, type ReactElement } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { painted } from "./colour";
import { useDark } from "./scheme";

/** What a plot shows; the first row of `data` are seconds since 1970. */
export type PlotProps = {
  readonly data: uPlot.AlignedData;
  /** Everything but size and colours of the axes; colours are custom properties. */
  readonly options: (ink: (colour: string) => string) => Omit<uPlot.Options, "width" | "height">;
  /** Changes when the options do. */
  readonly shape: string;
  readonly height: number;
  /** What is to be seen, for who cannot see it. */
  readonly label: string;
  /** A stretch of time was marked, in seconds. */
  readonly onBrush?: ((from: number, to: number) => void) | undefined;
};

/** uPlot in a box that follows its room and the colour scheme. */
export function Plot({ data, options, shape, height, label, onBrush }: PlotProps): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ data, options, onBrush });
  latest.current = { data, options, onBrush };
  const isDark = useDark();
  const brushes = onBrush !== undefined;
  useEffect(() => {
    const host = box.current;
    if (!host) return;
    const made = latest.current.options(painted);
    const drawn = new uPlot(
      {
        width: Math.max(host.clientWidth, 100),
        height,
        legend: { show: false },
        ...made,
        cursor: { y: false, ...made.cursor, drag: { x: brushes, y: false, setScale: false } },
        hooks: {
          ...made.hooks,
          setSelect: [
            (self) => {
              const { left, width } = self.select;
              if (width < 4) return;
              latest.current.onBrush?.(self.posToVal(left, "x"), self.posToVal(left + width, "x"));
              self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            },
          ],
        },
      },
      latest.current.data,
      host,
    );
    plot.current = drawn;
    const watcher = new ResizeObserver(() => drawn.setSize({ width: Math.max(host.clientWidth, 100), height }));
    watcher.observe(host);
    return () => {
      watcher.disconnect();
      drawn.destroy();
      plot.current = null;
    };
  }, [shape, height, isDark, brushes]);
  useEffect(() => {
    plot.current?.setData(data);
  }, [data]);
  return <div className="chart" ref={box} role="img" aria-label={label} />;
}

/** Axes in the quiet colour. */
export function axes(ink: (colour: string) => string, values: (value: number) => string): uPlot.Axis[] {
  const stroke = ink("var(--quiet)");
  const line = { stroke: ink("var(--line)"), width: 1 };
  const font = "12px system-ui, sans-serif";
  return [
    { stroke, font, grid: { show: false }, ticks: line, values: times },
    { stroke, font, grid: line, ticks: { show: false }, size: 56, values: (_, splits) => splits.map(values) },
  ];
}

const two = (value: number): string => String(value).padStart(2, "0");

function times(_: uPlot, splits: number[], __: number, ___: number, step: number): string[] {
  let before = "";
  return splits.map((seconds) => {
    const at = new Date(seconds * 1000);
    const day = `${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    const clock = step < 60 ? `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}` : `${two(at.getHours())}:${two(at.getMinutes())}`;
    if (step >= 86_400) return day;
    const shown = day === before || before === "" ? clock : `${clock}\n${day}`;
    before = day;
    return shown;
  });
}
