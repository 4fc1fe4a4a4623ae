// A key that is missing is a mistake, not the empty key, which everybody has.

import { deriveKey } from '@kcptun/crypt';
import { deriveKeyAsync } from '@kcptun/crypt/node';
import { dialKcp, listenKcp } from '@kcptun/transport';
import { TunnelClient, TunnelServer } from '@kcptun/tunnel';
import { describe, expect, test } from 'vitest';

const MISSING = [undefined, null, 5, {}] as unknown as string[];
const remote = { host: '127.0.0.1', minPort: 1, maxPort: 1 };
const listen = { host: '127.0.0.1', port: 0 };

const client = (key: string, allowEmptyKey?: boolean): unknown =>
  new TunnelClient({ key, listen, remote, ...(allowEmptyKey === undefined ? {} : { allowEmptyKey }) });
const server = (key: string, allowEmptyKey?: boolean): unknown =>
  new TunnelServer({ key, listen: remote, target: listen, ...(allowEmptyKey === undefined ? {} : { allowEmptyKey }) });

describe('without a key', () => {
  test.each(MISSING)('%j', async (key) => {
    expect(() => client(key, true)).toThrow(
      expect.objectContaining({ code: 'KCPTUN_ERR_TUNNEL_CONFIG', message: expect.stringMatching(/^key must be a string, got /) }),
    );
    expect(() => server(key, true)).toThrow(/^key must be a string, got /);
    await expect(dialKcp({ key, address: '127.0.0.1', port: 1 })).rejects.toThrow(TypeError);
    await expect(listenKcp({ key, address: '127.0.0.1', port: 0 })).rejects.toThrow(/^key must be a string/);
    expect(() => deriveKey(key)).toThrow(TypeError);
    await expect(deriveKeyAsync(key)).rejects.toThrow(TypeError);
  });
});

test('the empty key must be asked for', async () => {
  const refusal = /^key must not be empty: .*; allowEmptyKey: true takes it all the same$/;
  expect(() => client('')).toThrow(refusal);
  expect(() => server('')).toThrow(refusal);
  await expect(dialKcp({ key: '', address: '127.0.0.1', port: 1 })).rejects.toThrow(refusal);
  await expect(listenKcp({ key: '', address: '127.0.0.1', port: 0 })).rejects.toThrow(refusal);
  expect(client('', true)).toBeInstanceOf(TunnelClient);
  expect(server('', true)).toBeInstanceOf(TunnelServer);
  expect(deriveKey('')).toHaveLength(32);
});
