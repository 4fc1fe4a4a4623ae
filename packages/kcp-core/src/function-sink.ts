// A sink for callers who want one packet at a time and nothing to do with memory.

import { MTU_MAX } from './constants.ts';
import type { PacketSink } from './packet-writer.ts';

/** Hands every packet to a function, as a copy that the function owns. */
export class FunctionSink implements PacketSink {
  readonly bytes: Uint8Array = new Uint8Array(MTU_MAX);
  readonly #output: (packet: Uint8Array) => void;

  constructor(output: (packet: Uint8Array) => void) {
    this.#output = output;
  }

  begin(): number {
    return 0;
  }

  commit(offset: number, length: number): void {
    this.#output(this.bytes.slice(offset, offset + length));
  }
}
