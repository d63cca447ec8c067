/**
 * Texts that strangers wrote, made fit to be shown: what cannot be seen is named, what is too long is cut.
 *
 * Nothing here makes markup; React writes every text as text. This is about what text itself can do: turn the reading
 * direction around, hide, overstrike, or fill the memory of the page.
 */

/** A part of a text: as it is, or a character that has to be named. */
export type Piece = { readonly text: string; readonly named: boolean };

/** Characters of a value that are shown in a table. */
export const SHORT = 200;
/** Characters of a value that are shown where it stands alone. */
export const LONG = 20_000;

/**
 * Control characters, characters without width, marks that turn the direction, separators that no font shows, tags, and
 * halves of characters. Line ends and tabs stand for themselves where there is room for lines.
 */
// eslint-disable-next-line no-control-regex
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\u{e0000}-\u{e0fff}\p{Cs}\p{Co}]/gu;

/** Marks that stand above and below; more than a few in a row paint over the lines around them. */
const MARKS = /(\p{M}{3})\p{M}+/gu;

/** The text in pieces, in order. `lines`: line ends and tabs stay what they are. */
export function pieces(text: string, most: number, lines = false): Piece[] {
  const cut = text.length > most ? text.slice(0, most) : text;
  const calm = cut.replace(MARKS, "$1");
  const found: Piece[] = [];
  let from = 0;
  for (const match of calm.matchAll(HIDDEN)) {
    if (lines && (match[0] === "\n" || match[0] === "\t")) continue;
    if (match.index > from) found.push({ text: calm.slice(from, match.index), named: false });
    found.push({ text: nameOf(match[0]), named: true });
    from = match.index + match[0].length;
  }
  if (from < calm.length) found.push({ text: calm.slice(from), named: false });
  return found;
}

/** The same as one text, for places that take no elements: titles, labels, charts. */
export function plain(text: string, most: number = SHORT): string {
  const shown = pieces(text, most).map((piece) => (piece.named ? `[${piece.text}]` : piece.text));
  return shown.join("") + (text.length > most ? "…" : "");
}

/** How many characters of a text are not shown. */
export function hiddenBeyond(text: string, most: number): number {
  return Math.max(0, text.length - most);
}

function nameOf(character: string): string {
  switch (character) {
    case "\n":
      return "LF";
    case "\r":
      return "CR";
    case "\t":
      return "TAB";
    case "\u0000":
      return "NUL";
    default:
      return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
  }
}
