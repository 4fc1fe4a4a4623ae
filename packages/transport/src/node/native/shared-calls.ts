// The system calls that are made outside of datagram sockets: rare, and the same object serves all.

import { SystemCalls } from './ffi.ts';

let shared: SystemCalls | string | undefined;

/** The system calls of this process, or why they cannot be had; loaded when first asked for. */
export function sharedCalls(): SystemCalls | string {
  if (process.env['KCPTUN_NO_NATIVE'] === '1') return 'switched off';
  shared ??= load();
  return shared;
}

function load(): SystemCalls | string {
  if (process.platform !== 'linux') return `system is ${process.platform}`;
  if (process.arch !== 'x64' && process.arch !== 'arm64') return `processor is ${process.arch}`;
  try {
    return new SystemCalls();
  } catch (error) {
    const { message } = error as Error;
    return message.split('\n')[0] ?? message;
  }
}
