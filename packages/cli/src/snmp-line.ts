// The counters as one log line, in the form in which the Go programs print their struct on SIGUSR1 (PROTOCOL tunnel §12).

import type { GuardSnapshot, SnmpSnapshot } from '@kcptun/tunnel';

/** Names of the struct's fields in its order, where they differ from the snapshot's (which are those of the CSV). */
const FIELDS: readonly (keyof SnmpSnapshot | readonly [string, keyof SnmpSnapshot])[] = [
  ...(['BytesSent', 'BytesReceived', 'MaxConn', 'ActiveOpens', 'PassiveOpens', 'CurrEstab', 'InErrs', 'InCsumErrors'] as const),
  ...(['KCPInErrors', 'InPkts', 'OutPkts', 'InSegs', 'OutSegs', 'InBytes', 'OutBytes', 'RetransSegs', 'FastRetransSegs'] as const),
  ...(['EarlyRetransSegs', 'LostSegs', 'RepeatSegs'] as const),
  ['FECFullShardSet', 'FECFullShards'],
  ...(['FECRecovered', 'FECErrs', 'FECParityShards', 'FECShardSet', 'FECShardMin'] as const),
  ...(['RingBufferSndQueue', 'RingBufferRcvQueue', 'RingBufferSndBuffer', 'OOBPackets'] as const),
];

/** `KCP SNMP:&{BytesSent:55 BytesReceived:87 ...}` */
export function snmpLine(snapshot: SnmpSnapshot): string {
  const fields = FIELDS.map((field) => (typeof field === 'string' ? `${field}:${snapshot[field]}` : `${field[0]}:${snapshot[field[1]]}`));
  return `KCP SNMP:&{${fields.join(' ')}}`;
}

/** What those do not count, as a line of the same form: `guards:&{Dropped:0 Replayed:3 ...}` */
export function guardLine(guards: GuardSnapshot): string {
  const fields = Object.entries(guards).map(([name, count]) => `${name}:${count}`);
  return `guards:&{${fields.join(' ')}}`;
}
