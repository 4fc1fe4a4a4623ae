// Characters that word processors, web pages and other systems put where a plain one belongs. They look
// right, so a message has to name them.

const ODD: readonly (readonly [RegExp, string])[] = [
  [/^[\u2010-\u2015\u2212\uFE58\uFE63\uFF0D]/u, 'begins with a typographic dash: type a plain - or --'],
  [/[\u2018-\u201F\u2039\u203A\u00AB\u00BB\uFF02\uFF07]/u, 'has typographic quotes in it: type plain ones'],
  [/[\u00A0\u2007\u202F\u2000-\u200A\u3000]/u, 'has a no-break space in it: type a plain blank'],
  [/[\u200B-\u200D\u2060\uFEFF]/u, 'has an invisible character in it: type it again'],
  [/[\u2010-\u2015\u2212\uFE58\uFE63\uFF0D]/u, 'has a typographic dash in it: type a plain -'],
  [/[\uFF1A\uFF0C]/u, 'has a full-width colon or comma in it: type a plain one'],
];

/** What is odd about a text, to put behind it in a message; `undefined` when nothing is. */
export function findOddCharacter(text: string): string | undefined {
  return ODD.find(([pattern]) => pattern.test(text))?.[1];
}

/** A value as messages show it: in quotes where blanks or nothing would not be seen. */
export function showText(text: string): string {
  return text === '' || /\s/.test(text) ? JSON.stringify(text) : text;
}
