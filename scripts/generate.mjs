// `npm run generate`: runs the `generate` script of every package that has one (WebAssembly kernels, tables, documents)
// and formats nothing: what it writes into `generated` folders is committed as it is.
import { bootstrap } from './bootstrap.mjs';
import { pnpm } from './lib/process.mjs';

await bootstrap();
const { code } = await pnpm(['--recursive', '--if-present', 'run', 'generate'], { inherit: true });
process.exit(code);
