// Gives each remote address a small number, from the bytes in which the system names it: no text per packet. The same bounds as PathTable.
// A hash table with chains: heads[hash] -> path -> next[path] ..., seeded, because anybody can choose addresses.
//
//   names   12 words a path: the sockaddr to send to (family and port in word 0, which is 0 when the number is free), and in words 8 to 11 the
//           own address that the remote talks to, where the socket has several. Who talks to two of them has two paths: a datagram with
//           a made-up sender cannot change from where somebody else is answered.

import { randomInt } from 'node:crypto';
import type { SocketAddress } from '../../host.ts';
import { MAX_PATHS, NO_PATH } from '../path-table.ts';
import { LOCAL_WORD, NAME_WORDS } from './message-table.ts';
import { AF_INET, decodeSocketAddress, SOCKADDR_IN_SIZE, SOCKADDR_IN6_SIZE } from './socket-address.ts';

const FIRST_CAPACITY = 16;
const END = -1;

/** Numbers for remote addresses. */
export class AddressPaths {
  readonly #seed: number = randomInt(0x1_0000_0000) | 0;
  readonly #free: number[] = [];
  #names: Int32Array = new Int32Array(FIRST_CAPACITY * NAME_WORDS);
  #next: Int32Array = new Int32Array(FIRST_CAPACITY);
  #heads: Int32Array = new Int32Array(FIRST_CAPACITY).fill(END);
  #top = 0;
  #last = 0;

  /** Number of remotes that have a path. */
  get size(): number {
    return this.#top - this.#free.length;
  }

  /** The addresses of all paths; that of path p begins at word p * NAME_WORDS. Replaced when the table grows: not to be kept. */
  get names(): Int32Array {
    return this.#names;
  }

  /** The path of the sockaddr at `words[at]`, new if it has none yet; NO_PATH when no number is left or nothing can be sent there. */
  path(words: Int32Array, at: number): number {
    // Datagrams come in runs from one remote.
    if (this.#is(this.#last, words, at)) return this.#last;
    const first = words[at]!;
    if (first >>> 16 === 0) return NO_PATH; // port 0
    const hash = this.#hash(words, at);
    let path = this.#heads[hash & (this.#heads.length - 1)]!;
    while (path !== END && !this.#is(path, words, at)) path = this.#next[path]!;
    if (path === END) path = this.#assign(words, at, hash);
    if (path !== NO_PATH) this.#last = path;
    return path;
  }

  /** The path of the sockaddr at `words[at]`; NO_PATH when it has none. */
  find(words: Int32Array, at: number): number {
    if (this.#is(this.#last, words, at)) return this.#last;
    let path = this.#heads[this.#hash(words, at) & (this.#heads.length - 1)]!;
    while (path !== END && !this.#is(path, words, at)) path = this.#next[path]!;
    if (path === END) return NO_PATH;
    this.#last = path;
    return path;
  }

  /** Bytes of the address of a path; 0 when the number is free. */
  nameLength(path: number): number {
    const first = path >= 0 && path < this.#top ? this.#names[path * NAME_WORDS]! : 0;
    if (first === 0) return 0;
    return (first & 0xffff) === AF_INET ? SOCKADDR_IN_SIZE : SOCKADDR_IN6_SIZE;
  }

  /** Whether the own address of a path is known. */
  hasLocal(path: number): boolean {
    const own = path * NAME_WORDS + LOCAL_WORD;
    const names = this.#names;
    return (names[own]! | names[own + 1]! | names[own + 2]! | names[own + 3]!) !== 0;
  }

  /** The remote behind a path. */
  remote(path: number): SocketAddress | undefined {
    if (this.nameLength(path) === 0) return undefined;
    return decodeSocketAddress(new Uint8Array(this.#names.buffer), path * NAME_WORDS * 4);
  }

  /** Takes a number back. */
  forget(path: number): void {
    if (this.nameLength(path) === 0) return;
    const head = this.#hash(this.#names, path * NAME_WORDS) & (this.#heads.length - 1);
    let before = END;
    let at = this.#heads[head]!;
    while (at !== path) {
      before = at;
      at = this.#next[at]!;
    }
    if (before === END) this.#heads[head] = this.#next[path]!;
    else this.#next[before] = this.#next[path]!;
    this.#names.fill(0, path * NAME_WORDS, (path + 1) * NAME_WORDS);
    this.#free.push(path);
  }

  #assign(words: Int32Array, at: number, hash: number): number {
    const path = this.#free.pop() ?? this.#top;
    if (path === MAX_PATHS) return NO_PATH;
    if (path === this.#next.length) this.#grow();
    if (path === this.#top) this.#top += 1;
    const names = this.#names;
    const name = path * NAME_WORDS;
    names[name] = words[at]!;
    if ((words[at]! & 0xffff) === AF_INET) {
      names[name + 1] = words[at + 1]!;
    } else {
      // Word 1, the flow label, stays 0.
      for (let word = 2; word < SOCKADDR_IN6_SIZE / 4; word++) names[name + word] = words[at + word]!;
    }
    for (let word = LOCAL_WORD; word < NAME_WORDS; word++) names[name + word] = words[at + word]!;
    this.#link(path, hash);
    return path;
  }

  #link(path: number, hash: number): void {
    const head = hash & (this.#heads.length - 1);
    this.#next[path] = this.#heads[head]!;
    this.#heads[head] = path;
  }

  #grow(): void {
    const capacity = this.#next.length * 2;
    const names = new Int32Array(capacity * NAME_WORDS);
    names.set(this.#names);
    this.#names = names;
    this.#next = new Int32Array(capacity);
    this.#heads = new Int32Array(capacity).fill(END);
    // It grows only when no number is free: all paths have an address.
    for (let path = 0; path < this.#top; path++) this.#link(path, this.#hash(names, path * NAME_WORDS));
  }

  #is(path: number, words: Int32Array, at: number): boolean {
    const names = this.#names;
    const name = path * NAME_WORDS;
    if (names[name] !== words[at]) return false;
    if (names[name + LOCAL_WORD] !== words[at + LOCAL_WORD]) return false;
    if ((words[at]! & 0xffff) === AF_INET) return names[name + 1] === words[at + 1];
    return (
      names[name + 2] === words[at + 2] &&
      names[name + 3] === words[at + 3] &&
      names[name + 4] === words[at + 4] &&
      names[name + 5] === words[at + 5] &&
      names[name + 6] === words[at + 6] &&
      names[name + LOCAL_WORD + 1] === words[at + LOCAL_WORD + 1] &&
      names[name + LOCAL_WORD + 2] === words[at + LOCAL_WORD + 2] &&
      names[name + LOCAL_WORD + 3] === words[at + LOCAL_WORD + 3]
    );
  }

  #hash(words: Int32Array, at: number): number {
    let hash = mix(mix(this.#seed ^ words[at]!) ^ words[at + LOCAL_WORD]!);
    if ((words[at]! & 0xffff) === AF_INET) return mix(hash ^ words[at + 1]!);
    for (let word = 2; word < SOCKADDR_IN6_SIZE / 4; word++) hash = mix(hash ^ words[at + word]!);
    for (let word = LOCAL_WORD + 1; word < NAME_WORDS; word++) hash = mix(hash ^ words[at + word]!);
    return hash;
  }
}

function mix(value: number): number {
  const product = Math.imul(value ^ (value >>> 16), 0x9e3779b1);
  return product ^ (product >>> 15);
}
