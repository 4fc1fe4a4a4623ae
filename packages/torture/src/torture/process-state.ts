// What the system knows of a running program, and what ours tells of itself.

import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';

/** Number of open file descriptors of a process. */
export function countFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Resident memory of a process in bytes. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

/** The part of `--pprof`'s statistics that counts here. */
export interface TunnelState {
  readonly streams: number;
  /** Lent pieces of memory. */
  readonly chunks: number;
  readonly sessions: readonly unknown[];
}

/** Asks a program of ours. @throws {Error} when it does not answer within two seconds */
export function readState(port: number): Promise<TunnelState> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', path: '/stats', agent: false, timeout: 2000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () => resolve(JSON.parse(text) as TunnelState));
    });
    asked.on('timeout', () => asked.destroy(new Error('no statistics within 2 s')));
    asked.on('error', reject);
    asked.end();
  });
}
