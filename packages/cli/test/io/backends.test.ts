// Each switch changes what runs, and the first lines of the log say what that is.

import { freePort } from '@kcptun/testkit/node';
import { describe, expect, test } from 'vitest';
import { type Side, start } from './programs.ts';

const NATIVE = /datagrams (native|dgram \(native: .+\)), aes (openssl-ffi|node \(openssl-ffi: .+\)), /;
const NO_NATIVE = /datagrams dgram \(native: switched off\), aes node \(openssl-ffi: switched off\), /;

describe.each<Side>(['client', 'server'])('%s', (side) => {
  test.each([
    ['no switch', {}, NATIVE, 'wasm'],
    ['KCPTUN_NO_NATIVE', { KCPTUN_NO_NATIVE: '1' }, NO_NATIVE, 'wasm'],
    ['KCPTUN_NO_WASM', { KCPTUN_NO_WASM: '1' }, NATIVE, 'typescript'],
    ['both', { KCPTUN_NO_NATIVE: '1', KCPTUN_NO_WASM: '1' }, NO_NATIVE, 'typescript'],
  ])('%s', async (_, env, native, kernel) => {
    const udp = `127.0.0.1:${await freePort()}`;
    const addresses = side === 'client' ? ['-l', '127.0.0.1:0', '-r', udp] : ['-l', udp, '-t', '127.0.0.1:1'];
    const program = start(side, [...addresses, '--key', 'k'], {
      env: { KCPTUN_NO_NATIVE: undefined, KCPTUN_NO_WASM: undefined, ...env },
    });
    const [line] = await program.waitFor(/backends: .*/);
    expect(line).toMatch(native);
    expect(line).toMatch(new RegExp(`, FEC ${kernel}, compression ${kernel}$`));
  });
});
