// What a misspelt name was probably meant to be, and what became of names that are gone.

import type { OptionSpec, Side } from './option-spec.ts';
import { findOption, optionsOf } from './options.ts';

/** Flags that a kcptun once had and what to use now. */
const RETIRED: Readonly<Record<string, string>> = {
  tuncrypt:
    'is an option of 2016 that encrypted the stream a second time; today every packet is encrypted anyway: choose the cipher with --crypt on both ends, like --crypt aes',
  maxspeed: 'was the misspelt name of one release; write --ratelimit',
};

/** What people write who come from other programs. */
const SYNONYMS: Readonly<Record<string, string>> = { config: 'c', conf: 'c', cipher: 'crypt', password: 'key', secret: 'key' };

/** Why a name that was an option once is refused, with its modern replacement. */
export function explainRetired(name: string): string | undefined {
  const key = name.toLowerCase();
  return Object.hasOwn(RETIRED, key) ? RETIRED[key] : undefined;
}

/** The option of a side whose name was probably meant. */
export function findSimilar(side: Side, name: string): OptionSpec | undefined {
  const wanted = name.toLowerCase();
  if (Object.hasOwn(SYNONYMS, wanted)) return findOption(side, SYNONYMS[wanted] as string);
  return optionsOf(side).find((option) => {
    const known = [option.name, option.jsonKey ?? option.name].map((each) => each.toLowerCase());
    return known.some((each) => each === wanted || isNear(each, wanted) || withoutMarks(each) === withoutMarks(wanted));
  });
}

function withoutMarks(name: string): string {
  return name.replace(/[-_]/g, '');
}

/** Whether two names differ by one letter: changed, added, left out, or two exchanged. */
function isNear(a: string, b: string): boolean {
  let start = 0;
  while (start < a.length && a[start] === b[start]) start += 1;
  const restA = a.slice(start);
  const restB = b.slice(start);
  if (restA.slice(1) === restB.slice(1) || restA.slice(1) === restB || restA === restB.slice(1)) return a.length > 2;
  return restA.slice(2) === restB.slice(2) && restA[0] === restB[1] && restA[1] === restB[0];
}
