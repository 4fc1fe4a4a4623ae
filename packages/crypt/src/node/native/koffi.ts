// Loads the FFI binding koffi from its package for this platform, which is nothing but the binary. The
// package `koffi` itself adds an install script, which pnpm refuses to run, and deprecation notices.

import { createRequire } from 'node:module';

/** A C function; numbers are passed as what its declaration says. */
export type CFunction = (...args: (number | string | bigint | null)[]) => number;

/** What is used of koffi. */
export interface Koffi {
  /** `null` is the running program. */
  load(library: null): KoffiLibrary;
  /** The address of a memory; it does not keep the memory alive. */
  address(value: ArrayBufferLike | ArrayBufferView): bigint;
  /** The `errno` that the last call left. */
  errno(): number;
  readonly node: {
    /** Watches a descriptor; `callback` is told of what happens to it. */
    poll(fd: number, events: KoffiEvents, callback: (...args: unknown[]) => void): KoffiPoll;
  };
}

/** A library; functions are declared by a prototype, or by name, result and parameters. */
export interface KoffiLibrary {
  /** Declares a function by its prototype. */
  func(prototype: string): CFunction;
  /** Declares a function by its name, its result and its parameters. */
  func(name: string, result: string, parameters: readonly string[]): CFunction;
}

/** What a descriptor is watched for. */
export interface KoffiEvents {
  readonly readable?: boolean;
  readonly writable?: boolean;
}

/** A handle of libuv that watches a descriptor. */
export interface KoffiPoll {
  /** Watches for these events instead. */
  start(events: KoffiEvents, callback: (...args: unknown[]) => void): void;
  /** Watches for nothing until `start` is called again. */
  stop(): void;
  /** Ends the handle; the descriptor stays open. */
  close(): void;
}

/** The optional package with koffi's binary for this platform. */
export function koffiPackage(): string {
  return `@koromix/koffi-${process.platform}-${process.arch}`;
}

/**
 * The runtime that only looks like Node, with its version; `undefined` in Node. Native code is not for
 * those: Bun has no libuv and ends with a panic in koffi's poll handle, Deno hangs there.
 */
export function foreignRuntime(): string | undefined {
  const { bun, deno } = process.versions;
  if (bun !== undefined) return `Bun ${bun}`;
  return deno === undefined ? undefined : `Deno ${deno}`;
}

/**
 * Loads koffi.
 * @throws {Error} with code `MODULE_NOT_FOUND` where it is not installed or there is none for this
 *   platform; whatever loading throws; and in other runtimes than Node, without loading it
 */
export function loadKoffi(): Koffi {
  const foreign = foreignRuntime();
  if (foreign !== undefined) throw new Error(`not for ${foreign}`);
  return createRequire(import.meta.url)(koffiPackage()) as Koffi;
}
