// The two READMEs say the same: section by section they have the same code, flags, links and figures.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../lib/process.mjs';

interface Section {
  readonly code: readonly string[];
  /** Flags, and other words that are marked as code. */
  readonly words: readonly string[];
  readonly links: readonly string[];
  readonly numbers: readonly string[];
}

/** Each once, in an order that does not depend on the language. */
function each(items: Iterable<string>): string[] {
  return [...new Set(items)].sort();
}

function sectionsOf(name: string): Section[] {
  const text = readFileSync(join(ROOT, name), 'utf8');
  return text.split(/^#{2,3} .*$/m).map((section) => {
    // Comments are in the language of the file.
    const code = [...section.matchAll(/^```[\s\S]*?^```/gm)].map(([block]) => block.replace(/ *(#|\/\/) .*/g, ''));
    const prose = section.replace(/^```[\s\S]*?^```/gm, '');
    const plain = prose.replace(/`[^`]*`|\]\([^)]*\)/g, '');
    return {
      code,
      words: each([...prose.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)),
      links: each([...prose.matchAll(/\]\(([^)]+)\)/g)].flatMap(([, link = '']) => (link.startsWith('README') ? [] : [link]))),
      // Those that a language may spell out are left out: one, two, four, sixteen.
      numbers: each([...plain.matchAll(/\d+(\.\d+)?/g)].map(([number]) => number)).filter((number) => number.length > 2),
    };
  });
}

test('README.md and README.zh-CN.md are in step', () => {
  const english = sectionsOf('README.md');
  const chinese = sectionsOf('README.zh-CN.md');
  expect(english.length).toBeGreaterThan(8);
  expect(chinese).toEqual(english);
});
