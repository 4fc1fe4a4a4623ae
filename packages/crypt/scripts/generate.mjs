// Compiles assembly/kernel.ts and writes the code into src/generated/kernel.ts. Same input and compiler, same output.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const outFile = 'src/generated/kernel.wasm';
const flags = ['--runtime', 'stub', '--importMemory', '--enable', 'simd', '-O3', '--noAssert', '--outFile', outFile];
const { error, stderr } = await asc.main(['assembly/kernel.ts', ...flags, '--baseDir', root]);
if (error) throw new Error(`asc: ${error.message}\n${stderr.toString()}`);

const code = await readFile(`${root}/${outFile}`);
await rm(`${root}/${outFile}`);
const lines = [];
for (let at = 0; at < code.length; at += 32) lines.push(`  ${[...code.subarray(at, at + 32)].join(', ')},\n`);
await writeFile(
  `${root}/src/generated/kernel.ts`,
  `// Made by scripts/generate.mjs from assembly/kernel.ts; do not edit.\n\n/** The code of the kernels. */\nexport const KERNEL_CODE: Uint8Array = new Uint8Array([\n${lines.join('')}]);\n`,
);
