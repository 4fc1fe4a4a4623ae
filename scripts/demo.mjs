// `npm run demo`: a fresh clone to a running demonstration with one command.
import { join } from 'node:path';
import { bootstrap } from './bootstrap.mjs';
import { ROOT, run } from './lib/process.mjs';

await bootstrap();
const { code } = await run(process.execPath, [join(ROOT, 'packages/examples/dist/demo.js'), ...process.argv.slice(2)], { inherit: true });
process.exit(code);
