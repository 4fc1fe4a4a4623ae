// Whether the system calls do here what they are meant to do: three datagrams to a socket of our own, singly and as a train. It would show a
// libc whose structures are laid out differently, a sandbox without these calls, or a kernel that takes options and does not honour them.

import { PacketBatch, RECEIVE_OFFSET } from '@kcptun/common';
import { AddressPaths } from './address-paths.ts';
import { NAME_WORDS } from './message-table.ts';
import { type NativeShared, offersGro, offersGso } from './native-socket.ts';
import { AF_INET, encodeSocketAddress, SOCKADDR_IN6_SIZE } from './socket-address.ts';

const SIZES = [100, 100, 60];
/** Loopback delivers at once; on a system where it does not, this is how long in ms the program waits for it at its start. */
const PATIENCE = 100;

/** Sends to itself and compares. */
export function nativeWorks(shared: NativeShared): boolean {
  const { calls } = shared;
  const fd = calls.socket(AF_INET);
  if (fd < 0) return false;
  const batch = new PacketBatch(shared.memory);
  try {
    const address = new Uint8Array(SOCKADDR_IN6_SIZE);
    const local = encodeSocketAddress({ address: '127.0.0.1', port: 0, family: 4 });
    if (local === undefined || calls.bind(fd, local) < 0 || calls.getsockname(fd, address) < 0) return false;
    SIZES.forEach((size, index) => {
      const at = batch.offset[batch.add(RECEIVE_OFFSET, size, 0)]!;
      for (let byte = 0; byte < size; byte++) batch.bytes[at + byte] = byte * 7 + index;
    });
    const words = new Int32Array(NAME_WORDS);
    new Uint8Array(words.buffer).set(address);
    if (!exchange(shared, fd, batch, words, false)) return false;
    // A kernel that knows the options but refuses a train is dealt with by the socket.
    return !offersGso(calls, fd) || !offersGro(calls, fd) || exchange(shared, fd, batch, words, true);
  } finally {
    batch.release();
    calls.close(fd);
  }
}

function exchange(shared: NativeShared, fd: number, batch: PacketBatch, name: Int32Array, train: boolean): boolean {
  const { calls, sending, receiving } = shared;
  const paths = new AddressPaths();
  const path = paths.path(name, 0);
  sending.begin(batch.bytes);
  for (let from = 0; from < batch.count; ) {
    const to = train ? batch.count : from + 1;
    sending.add(batch, from, to, paths.names, path * NAME_WORDS, paths.nameLength(path));
    from = to;
  }
  if (sending.send(fd, 0) !== sending.count) return train;
  let next = 0;
  while (next < batch.count && calls.waitReadable(fd, PATIENCE)) {
    const messages = receiving.receive(fd);
    for (let index = 0; index < messages; index++) {
      if (paths.path(receiving.names, index * NAME_WORDS) !== path) return false;
      const end = receiving.start(index) + receiving.length(index);
      for (let at = receiving.start(index); at < end; at += receiving.segment(index)) {
        if (next === batch.count) return false;
        const datagram = receiving.bytes.subarray(at, Math.min(end, at + receiving.segment(index)));
        if (!sameBytes(datagram, batch.packet(next))) return false;
        next += 1;
      }
    }
  }
  return next === batch.count;
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
