/** Numbers, times and sizes as people read them. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** `12,345`. */
export function count(value: number): string {
  return whole.format(value);
}

/** `12.3K`, for where there is little room. */
export function brief(value: number): string {
  return Math.abs(value) < 10_000 ? number(value) : short.format(value);
}

/** At most three digits behind the point, none that say nothing. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const digits = size >= 1000 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return new Intl.NumberFormat("en", { maximumFractionDigits: digits }).format(value);
}

/** `98.7 %`; a share that is nearly none or nearly all is not shown as such. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return "–";
  if (share > 0 && share < 0.001) return "< 0.1 %";
  if (share < 1 && share > 0.999) return "> 99.9 %";
  const digits = share !== 0 && Math.abs(share) < 0.01 ? 2 : 1;
  return `${new Intl.NumberFormat("en", { maximumFractionDigits: digits }).format(share * 100)} %`;
}

/** `1.2 GB`. */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let rest = value;
  while (Math.abs(rest) >= 1000 && unit < units.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? count(rest) : rest.toFixed(1)} ${units[unit]}`;
}

const two = (value: number): string => String(value).padStart(2, "0");

/** `2026-11-22 10:00:00` in the browser's time zone. */
export function moment(time: number | string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return "–";
  return `${day(date)} ${clock(date)}`;
}

/** `10:00:00`, with the day before it where that is not today. */
export function briefMoment(time: number | string, now: number = Date.now()): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return "–";
  const today = day(date) === day(new Date(now));
  return today ? clock(date) : `${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(date)}`;
}

function day(date: Date): string {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function clock(date: Date): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `5 s`, `3 min`, `2 h`, `4 d`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 90) return `${number(Math.max(0, seconds))} s`;
  if (seconds < 5400) return `${count(seconds / 60)} min`;
  if (seconds < 172_800) return `${count(seconds / 3600)} h`;
  return `${count(seconds / 86_400)} d`;
}

/** `5 min ago`. */
export function ago(time: number | string, now: number = Date.now()): string {
  return `${duration((now - new Date(time).getTime()) / 1000)} ago`;
}

/** A name with underscores as words. */
export function words(name: string): string {
  return name.replaceAll("_", " ");
}
