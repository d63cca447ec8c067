/** Colours by name: the same class has the same colour on every chart while the page is open. */

const given = new Map<string, number>();
const COLOURS = 8;

/** The custom property of a class, in the order in which classes were first met. */
export function colourOf(name: string): string {
  let place = given.get(name);
  if (place === undefined) {
    place = given.size;
    given.set(name, place);
  }
  return `var(--c${place % COLOURS})`;
}

/** What a colour of the style sheet is in the scheme that is shown, for what is painted by hand. */
export function painted(colour: string): string {
  const probe = document.createElement("span");
  probe.style.color = colour;
  probe.hidden = true;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
