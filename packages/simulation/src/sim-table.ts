// `npm run sim:table`: writes the snapshot table anew.

import { writeFileSync } from 'node:fs';
import { makeTable } from './table.ts';

const table = await makeTable();
writeFileSync(new URL('../table.txt', import.meta.url), table);
console.log(table);
