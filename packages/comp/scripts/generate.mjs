// Compiles assembly/snappy.ts to src/generated/snappy-kernel.ts. Deterministic: the same compiler gives the same file.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const files = new Map();
const options = [
  'snappy.ts',
  '--baseDir',
  here('assembly'),
  '--runtime',
  'stub',
  '--importMemory',
  '--enable',
  'simd',
  '-O3',
  '--noAssert',
];
const { error, stderr } = await asc.main([...options, '--outFile', 'kernel.wasm'], {
  writeFile: (name, contents) => files.set(name, contents),
});
if (error) {
  process.stderr.write(stderr.toString());
  throw error;
}
const code = files.get('kernel.wasm');
const rows = [];
for (let at = 0; at < code.length; at += 32) rows.push(`  ${[...code.subarray(at, at + 32)].join(', ')},`);
const text = `// Generated from assembly/snappy.ts by scripts/generate.mjs. Do not edit.

/** The kernel's WebAssembly module, ${code.length} bytes. */
export const SNAPPY_KERNEL: Uint8Array = /* @__PURE__ */ new Uint8Array([
${rows.join('\n')}
]);
`;
writeFileSync(here('src/generated/snappy-kernel.ts'), text);
