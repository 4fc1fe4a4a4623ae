// The other checks of `npm run check` that have rules of their own: what they must find, and what they must leave alone.
import { describe, expect, test } from 'vitest';
import { anchorsOf, checkLinks, checkSource } from '../check-files.mjs';
import { folderOfImport, PACKAGES, packageFolders, packageName } from '../lib/workspace.mjs';

const HEADER = '// What it is.\n';

describe('files', () => {
  test.each([
    ['a name that is not kebab-case', 'packages/smux/src/FrameWriter.ts', HEADER],
    ['more than 500 lines', 'packages/smux/src/frame.ts', HEADER + 'export {};\n'.repeat(500)],
    ['no header comment', 'packages/smux/src/frame.ts', 'export {};\n'],
    ['no header comment below #!', 'scripts/x.mjs', '#!/usr/bin/env node\nexport {};\n'],
    ['unfinished work', 'packages/smux/src/frame.ts', `${HEADER}// ${'TO'}${'DO'}: later\n`],
    ['a citation of what is not there', 'packages/smux/src/frame.ts', `${HEADER}// ${'PROTOCOL'} kcp §6 and ${'PROTOCOL'} kcp §99\n`],
    ['a citation of no chapter', 'packages/smux/src/frame.ts', `${HEADER}// ${'PROTOCOL'} tcp §1\n`],
  ])('finds %s', (_, path, text) => {
    expect(checkSource(path, text)).toHaveLength(1);
  });

  test.each([
    ['packages/smux/src/frame-writer.ts', HEADER + 'export {};\n'.repeat(499)],
    ['packages/smux/test/frame-writer.test.ts', '/** What it is. */\n'],
    ['packages/cli/src/main.ts', `#!/usr/bin/env node\n${HEADER}`],
  ])('is silent about %s', (path, text) => {
    expect(checkSource(path, text)).toEqual([]);
  });
});

describe('links', () => {
  test('finds one that leads nowhere', () => {
    expect(checkLinks('docs/PROTOCOL.md', 'see [kcp](protocol/kcp.md) and [this](protocol/none.md#x)')).toEqual([
      'docs/PROTOCOL.md: the link to protocol/none.md leads nowhere',
    ]);
  });

  test('finds a heading that is not there, here and elsewhere', () => {
    expect(checkLinks('docs/PROTOCOL.md', '# Here\n[a](#here) [b](#there) [c](../README.md#no-such-heading)')).toEqual([
      'docs/PROTOCOL.md: docs/PROTOCOL.md has no heading #there',
      'docs/PROTOCOL.md: README.md has no heading #no-such-heading',
    ]);
  });

  test('leaves addresses and code alone', () => {
    const text = '[a](https://example.com/x#y) [b](../LICENSE#L1) `[d](none)`\n```\n[e](none)\n```\n';
    expect(checkLinks('docs/PROTOCOL.md', text)).toEqual([]);
  });

  test('anchors are those of GitHub', () => {
    const text = '# A & B: `--no-x`, or [c](d.md)?\n## §2 Größe_1\n## Twice\n```\n# no heading\n```\n## Twice\n## 常见问题\n';
    expect(anchorsOf(text)).toEqual(['a--b---no-x-or-c', '2-größe_1', 'twice', 'twice-1', '常见问题']);
  });
});

describe('workspace', () => {
  test('every package has a rule', () => {
    expect(packageFolders()).toEqual(Object.keys(PACKAGES).sort());
  });

  test.each(Object.keys(PACKAGES))('the name of %s and its subpaths lead back to it', (folder) => {
    expect(folderOfImport(packageName(folder))).toBe(folder);
    expect(folderOfImport(`${packageName(folder)}/node`)).toBe(folder);
    expect(folderOfImport(`${packageName(folder)}-other`)).toBeUndefined();
  });
});
