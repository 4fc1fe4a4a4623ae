// Names of services in the place of a port, `:http-alt`, which the Go programs look up in the list
// of the system.

import { readFileSync } from 'node:fs';

/** What Go knows where the system has no list, or does not name it there. */
const KNOWN: Readonly<Record<string, number>> = {
  domain: 53,
  ftp: 21,
  ftps: 990,
  gopher: 70,
  http: 80,
  https: 443,
  imap2: 143,
  imap3: 220,
  imaps: 993,
  pop3: 110,
  pop3s: 995,
  smtp: 25,
  submissions: 465,
  ssh: 22,
  telnet: 23,
};

/** The port of a TCP service, or `undefined`. Case does not matter. */
export function findService(name: string, read: () => string = readSystemList): number | undefined {
  const wanted = name.toLowerCase();
  return parseServices(readOrNothing(read)).get(wanted) ?? (Object.hasOwn(KNOWN, wanted) ? KNOWN[wanted] : undefined);
}

/** TCP services by name in the form of services(5): `name port/tcp alias… # comment`. */
function parseServices(text: string): Map<string, number> {
  const ports = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, port = '', ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    const number = /^([0-9]+)\/tcp$/.exec(port)?.[1];
    if (name === undefined || number === undefined || Number(number) > 65_535) continue;
    for (const each of [name, ...aliases]) {
      const key = each.toLowerCase();
      if (!ports.has(key)) ports.set(key, Number(number));
    }
  }
  return ports;
}

function readSystemList(): string {
  const path = process.platform === 'win32' ? `${process.env['SystemRoot']}\\System32\\drivers\\etc\\services` : '/etc/services';
  return readFileSync(path, 'utf8');
}

function readOrNothing(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
