// The form of files: hand-written sources have kebab-case names, a header comment and at most 500 lines; no note is left
// for later without an issue; every relative link of the documentation leads somewhere, to a heading where it names one, and every
// citation (`PROTOCOL kcp §6`) to a section of docs/protocol. Alone: `node scripts/check-files.mjs`.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './lib/process.mjs';

const MAX_LINES = 500;
const SOURCE = /^(packages\/[^/]+\/(src|test|assembly)\/|scripts\/).*\.(ts|mjs)$/;
const GENERATED = /\/generated\//;
// The brackets keep this line from finding itself.
const UNFINISHED = /\b(T[O]DO|FIX[M]E|X[X]X)\b/;

/** @returns {string[]} one line per problem */
export function checkFiles() {
  // Tracked and new files alike, but nothing that .gitignore leaves out.
  const listed = execFileSync('git', ['-c', 'safe.directory=*', 'ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const files = listed.split('\n').filter((file) => file !== '' && existsSync(join(ROOT, file)));
  return files.flatMap((file) => {
    if (SOURCE.test(file) && !GENERATED.test(file)) return checkSource(file, readFileSync(join(ROOT, file), 'utf8'));
    if (file.endsWith('.md')) return checkLinks(file, readFileSync(join(ROOT, file), 'utf8'));
    return [];
  });
}

/**
 * @param {string} file
 * @param {string} text
 * @returns {string[]}
 */
export function checkSource(file, text) {
  const problems = [];
  const lines = text.trimEnd().split('\n');
  const name = file.split('/').at(-1) ?? '';
  if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*\.(ts|mjs)$/.test(name)) problems.push(`${file}: the name is not kebab-case`);
  if (lines.length > MAX_LINES) problems.push(`${file}: ${lines.length} lines, at most ${MAX_LINES}`);
  const first = lines[0]?.startsWith('#!') ? lines[1] : lines[0];
  if (first === undefined || !/^(\/\/ |\/\*)/.test(first)) problems.push(`${file}: no header comment`);
  lines.forEach((line, index) => {
    if (UNFINISHED.test(line)) problems.push(`${file}:${index + 1}: unfinished`);
    for (const [cited, chapter = '', section = ''] of line.matchAll(/PROTOCOL ([a-z]+) §(\d+)/g)) {
      if (!sectionsOf(chapter).includes(section)) problems.push(`${file}:${index + 1}: there is no ${cited}`);
    }
  });
  return problems;
}

/**
 * @param {string} chapter a file of docs/protocol, without `.md`
 * @returns {string[]} the numbers of its sections
 */
function sectionsOf(chapter) {
  const path = join(ROOT, `docs/protocol/${chapter}.md`);
  if (!existsSync(path)) return [];
  return [...readFileSync(path, 'utf8').matchAll(/^## (\d+)\./gm)].map(([, number = '']) => number);
}

/**
 * @param {string} file
 * @param {string} text
 * @returns {string[]}
 */
export function checkLinks(file, text) {
  const prose = withoutFences(text).replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s#]*)(?:#([^)\s]*))?\)/g)].flatMap(([, target = '', anchor]) => {
    if (/^[a-z]+:/.test(target)) return [];
    const path = target === '' ? file : join(dirname(file), decodeURI(target));
    if (!existsSync(join(ROOT, path))) return [`${file}: the link to ${target} leads nowhere`];
    if (anchor === undefined || !path.endsWith('.md')) return [];
    const there = target === '' ? text : readFileSync(join(ROOT, path), 'utf8');
    return anchorsOf(there).includes(decodeURIComponent(anchor)) ? [] : [`${file}: ${path} has no heading #${anchor}`];
  });
}

/**
 * @param {string} text Markdown
 * @returns {string[]} the anchors of its headings, as GitHub makes them
 */
export function anchorsOf(text) {
  /** @type {Map<string, number>} */
  const seen = new Map();
  return [...withoutFences(text).matchAll(/^#{1,6} +(.*)$/gm)].map(([, heading = '']) => {
    const words = heading.trim().replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const slug = words
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replaceAll(' ', '-');
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    return times === 0 ? slug : `${slug}-${times}`;
  });
}

/**
 * @param {string} text
 * @returns {string} without its blocks of code
 */
function withoutFences(text) {
  return text.replace(/^```[\s\S]*?^```/gm, '');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problems = checkFiles();
  for (const problem of problems) console.log(problem);
  process.exit(problems.length === 0 ? 0 : 1);
}
