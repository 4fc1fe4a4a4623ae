// Compiles the kernels in assembly/ and writes their code into src/generated/. Same input and compiler, same output.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const kernels = [
  { name: 'kernel', constant: 'KERNEL_CODE', what: 'the kernels' },
  { name: 'block-kernel', constant: 'BLOCK_KERNEL_CODE', what: 'the kernels of block ciphers' },
];

for (const { name, constant, what } of kernels) {
  const outFile = `src/generated/${name}.wasm`;
  const flags = ['--runtime', 'stub', '--importMemory', '--enable', 'simd', '-O3', '--noAssert', '--outFile', outFile];
  const { error, stderr } = await asc.main([`assembly/${name}.ts`, ...flags, '--baseDir', root]);
  if (error) throw new Error(`asc: ${error.message}\n${stderr.toString()}`);

  const code = await readFile(`${root}/${outFile}`);
  await rm(`${root}/${outFile}`);
  const lines = [];
  for (let at = 0; at < code.length; at += 32) lines.push(`  ${[...code.subarray(at, at + 32)].join(', ')},\n`);
  await writeFile(
    `${root}/src/generated/${name}.ts`,
    `// Made by scripts/generate.mjs from assembly/${name}.ts; do not edit.\n\n/** The code of ${what}. */\nexport const ${constant}: Uint8Array = new Uint8Array([\n${lines.join('')}]);\n`,
  );
}
