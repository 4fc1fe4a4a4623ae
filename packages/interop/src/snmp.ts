// The counters that a kcptun program logs on SIGUSR1: `KCP SNMP:&{BytesSent:55 BytesReceived:87 ...}` (PROTOCOL tunnel §12).

import type { Program } from '@kcptun/testkit/node';

const LINE = /KCP SNMP:&\{([^}]*)\}/;

/**
 * Reads the counters of one line.
 * @throws {Error} when the text holds no such line or a counter is no number
 */
export function parseSnmp(text: string): Map<string, number> {
  const fields = text.match(LINE)?.[1];
  if (fields === undefined) throw new Error(`no SNMP line in: ${text}`);
  const counters = new Map<string, number>();
  for (const field of fields.split(' ')) {
    const [, name, digits] = field.match(/^(\w+):(\d+)$/) ?? [];
    if (name === undefined || digits === undefined) throw new Error(`no SNMP counter: ${field}`);
    counters.set(name, Number(digits));
  }
  return counters;
}

/** Asks a running program for its counters. */
export async function readSnmp(program: Program): Promise<Map<string, number>> {
  const from = program.mark;
  program.signal('SIGUSR1');
  const match = await program.waitFor(LINE, { from });
  return parseSnmp(match[0]);
}
