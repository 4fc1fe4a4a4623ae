// A receiver that sees the TOS or traffic class of each datagram, by recvmsg: Node does not show it.

import { type Koffi, loadKoffi } from '@kcptun/crypt/node';

type Call = (...args: (number | bigint)[]) => number;

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOL_IP = 0;
const IP_TOS = 1;
const IP_RECVTOS = 13;
const SOL_IPV6 = 41;
const IPV6_RECVTCLASS = 66;
const IPV6_TCLASS = 67;
const POLLIN = 1;

/** One datagram: its bytes and the byte that holds DSCP and ECN. */
export interface MarkedDatagram {
  readonly mark: number;
  readonly length: number;
}

/** A socket on the loopback address of a family. */
export class MarkReceiver {
  readonly port: number;
  readonly #koffi: Koffi;
  readonly #fd: number;
  readonly #memory: Buffer = Buffer.from(new ArrayBuffer(4096));
  readonly #call: Record<'recvmsg' | 'poll' | 'close', Call>;

  /** @param port - 0 for any */
  constructor(family: 4 | 6, port = 0) {
    const koffi = loadKoffi();
    const program = koffi.load(null);
    const func = (prototype: string): Call => program.func(prototype) as Call;
    this.#koffi = koffi;
    this.#call = {
      recvmsg: func('intptr_t recvmsg(int, uint64_t, int)'),
      poll: func('int poll(uint64_t, unsigned long, int)'),
      close: func('int close(int)'),
    };
    const fd = func('int socket(int, int, int)')(family === 4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);
    this.#fd = fd;
    const memory = this.#memory;
    const at = this.#address;
    memory.writeInt32LE(1, 0);
    const setsockopt = func('int setsockopt(int, int, int, uint64_t, unsigned int)');
    if (family === 4) setsockopt(fd, SOL_IP, IP_RECVTOS, at, 4);
    else setsockopt(fd, SOL_IPV6, IPV6_RECVTCLASS, at, 4);
    memory.fill(0, 0, 32);
    memory.writeUInt16LE(family === 4 ? AF_INET : AF_INET6, 0);
    memory.writeUInt16BE(port, 2);
    if (family === 4) memory.set([127, 0, 0, 1], 4);
    else memory[8 + 15] = 1;
    const length = family === 4 ? 16 : 28;
    if (func('int bind(int, uint64_t, unsigned int)')(fd, at, length) !== 0) throw new Error('bind failed');
    memory.writeUInt32LE(28, 64);
    func('int getsockname(int, uint64_t, uint64_t)')(fd, at, at + 64);
    this.port = memory.readUInt16BE(2);
  }

  get #address(): number {
    return Number(this.#koffi.address(this.#memory));
  }

  /** The next datagram, waited for by the system. */
  receive(): MarkedDatagram {
    const memory = this.#memory;
    const at = this.#address;
    memory.writeInt32LE(this.#fd, 0);
    memory.writeUInt32LE(POLLIN, 4);
    if (this.#call.poll(at, 1, 5000) !== 1) throw new Error('nothing came within 5 s');
    // msghdr at 0, iovec at 64, control at 128, bytes at 1024.
    memory.fill(0, 0, 256);
    memory.writeBigUInt64LE(BigInt(at + 64), 16);
    memory.writeBigUInt64LE(1n, 24);
    memory.writeBigUInt64LE(BigInt(at + 128), 32);
    memory.writeBigUInt64LE(64n, 40);
    memory.writeBigUInt64LE(BigInt(at + 1024), 64);
    memory.writeBigUInt64LE(2048n, 72);
    const length = this.#call.recvmsg(this.#fd, at, 0);
    const kind = `${memory.readInt32LE(136)} ${memory.readInt32LE(140)}`;
    if (kind === `${SOL_IP} ${IP_TOS}`) return { mark: memory.readUInt8(144), length };
    if (kind === `${SOL_IPV6} ${IPV6_TCLASS}`) return { mark: memory.readInt32LE(144), length };
    throw new Error(`no mark came with the datagram, but ${kind}`);
  }

  close(): void {
    this.#call.close(this.#fd);
  }
}
