// C ikcp as the optional package node-kcp wraps it: what the core is compared with, by tests and by clocks.

import { createRequire } from 'node:module';

/** One end of a conversation. Times are in ms. What node-kcp can do besides is not declared. */
export interface NativeKcp {
  nodelay(nodelay: number, interval: number, resend: number, nc: number): void;
  wndsize(snd: number, rcv: number): void;
  setmtu(mtu: number): void;
  stream(on: number): void;
  output(callback: (data: Buffer) => void): void;
  input(packet: Buffer): number;
  send(data: Buffer): number;
  /** Everything that is readable, borders of messages are lost. */
  recv(): Buffer | undefined;
  update(now: number): void;
  waitsnd(): number;
}

/** Makes an end; `context` comes back with each packet. */
export type NativeKcpClass = new (conv: number, context: object) => NativeKcp;

/**
 * @returns undefined when node-kcp is not installed, which needs a compiler
 * @throws {Error} in this case, if the environment says CI=true
 */
export function loadNativeKcp(): NativeKcpClass | undefined {
  try {
    return (createRequire(import.meta.url)('node-kcp/index.js') as { readonly KCP: NativeKcpClass }).KCP;
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    return undefined;
  }
}
