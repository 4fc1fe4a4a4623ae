// The oracles themselves: a bug is planted at one end, and the right oracle must find it. Without a bug, nothing is found.

import { BatchPool } from '@kcptun/common';
import type { SimHost } from '@kcptun/testkit';
import type { ByteConnection, Host } from '@kcptun/transport';
import { expect, test } from 'vitest';
import { drawPlan, type Plan, runPlan, type WrapHost } from '../src/index.ts';

const HALF = { chunk: 8192, end: 'half' } as const;

/** Three transfers over a path that loses a little: nothing in it excuses a broken connection. */
const PLAN: Plan = {
  seed: 7,
  settings: { key: 'k', crypt: 'aes', compression: true, smux: { version: 2 } },
  connections: 1,
  greeting: 0,
  up: { delay: 20, loss: 0.02, duplicate: 0.02 },
  down: { delay: 20, loss: 0.02, corrupt: 0.01 },
  calmAt: 2000,
  faults: [{ kind: 'black-out', at: 300, way: 'both', length: 500 }],
  flows: [0, 100, 200].map((at) => ({ at, up: 200_000, down: 100_000, app: HALF, target: HALF })),
};

type Override<T> = { [Name in keyof T]?: T[Name] };

/** The object with some of its members replaced; everything else goes to the original. */
function overriding<T extends object>(original: T, override: Override<T>): T {
  return new Proxy(original, {
    get: (target, name) => {
      const value = Reflect.get(name in override ? override : target, name, target);
      return typeof value === 'function' && !(name in override) ? value.bind(target) : value;
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
}

/** Plants a bug into the byte connections of the server: those to the target. */
function plantInConnections(bug: (connection: ByteConnection) => Override<ByteConnection>): WrapHost {
  return plantInHost((host) => ({
    connect: (address, callback) =>
      host.connect(address, (error, connection) =>
        callback(error, connection === undefined ? undefined : overriding(connection, bug(connection))),
      ),
  }));
}

function plantInHost(bug: (host: SimHost) => Override<Host>): WrapHost {
  return (host, end) => (end === 'server' ? overriding<Host>(host, bug(host)) : host);
}

async function oraclesOf(wrapHost?: WrapHost, plan: Plan = PLAN): Promise<string[]> {
  const { violations } = await runPlan(plan, wrapHost === undefined ? {} : { wrapHost });
  return [...new Set(violations.map(({ oracle }) => oracle))];
}

test('without a bug, nothing is found', async () => {
  expect(await oraclesOf()).toEqual([]);
});

test('a server with two addresses, called at the second, answers from it or not, and nothing is found', async () => {
  for (const secondAddress of ['called', 'first'] as const) expect(await oraclesOf(undefined, { ...PLAN, secondAddress })).toEqual([]);
});

test('a server that answers from another address than the called one', async () => {
  const bug: WrapHost = (host, end) => {
    if (end === 'server') host.answersFromCalled = false;
    return host;
  };
  expect(await oraclesOf(bug, { ...PLAN, secondAddress: 'called' })).toEqual(['source']);
});

test('a client that does not hear answers from another address', async () => {
  const bug: WrapHost = (host, end) =>
    end === 'server'
      ? host
      : overriding<Host>(host, {
          openDatagram: (options, events, callback) => host.openDatagram({ ...options, anySource: false }, events, callback),
        });
  expect(await oraclesOf(bug, { ...PLAN, secondAddress: 'first' })).toContain('broken');
});

test('a byte that is lost', async () => {
  const bug = plantInConnections((connection) => {
    let writes = 0;
    return {
      write: (bytes, onTaken) => {
        writes += 1;
        connection.write(writes === 1 ? bytes.subarray(1) : bytes, onTaken);
      },
    };
  });
  expect(await oraclesOf(bug)).toContain('content');
});

test('a bit that is wrong', async () => {
  const bug = plantInConnections((connection) => {
    let total = 0;
    return {
      write: (bytes, onTaken) => {
        const copy = bytes.slice();
        if (total <= 150_000 && total + copy.length > 150_000) copy[150_000 - total]! ^= 4;
        total += copy.length;
        connection.write(copy, onTaken);
      },
    };
  });
  expect(await oraclesOf(bug)).toContain('content');
});

test('a piece that comes twice', async () => {
  const bug = plantInConnections((connection) => {
    let writes = 0;
    return {
      write: (bytes, onTaken) => {
        writes += 1;
        if (writes === 1) connection.write(bytes.slice(), () => {});
        connection.write(bytes, onTaken);
      },
    };
  });
  expect(await oraclesOf(bug)).toContain('content');
});

test('pieces that change places', async () => {
  const bug = plantInConnections((connection) => {
    let held: (() => void) | undefined;
    let writes = 0;
    return {
      write: (bytes, onTaken) => {
        writes += 1;
        if (writes === 1) {
          held = () => connection.write(bytes, onTaken);
          return;
        }
        connection.write(bytes, onTaken);
        held?.();
        held = undefined;
      },
    };
  });
  expect(await oraclesOf(bug)).toContain('content');
});

test('a request that two targets get', async () => {
  const bug = plantInHost((host) => ({
    connect: (address, callback) =>
      host.connect(address, (error, connection) => {
        const write = (bytes: Uint8Array, onTaken: () => void): void => {
          host.connect(address, (_error, other) => {
            other?.write(bytes.slice(), () => other.end());
          });
          connection?.write(bytes, onTaken);
        };
        callback(error, connection === undefined ? undefined : overriding(connection, { write }));
      }),
  }));
  const flows = PLAN.flows.slice(0, 1).map((flow) => ({ ...flow, up: 100 }));
  expect(await oraclesOf(bug, { ...PLAN, flows })).toContain('twice');
});

test('bytes of one connection in another', async () => {
  const all: ByteConnection[] = [];
  const bug = plantInConnections((connection) => {
    all.push(connection);
    const victim = all.length === 2 ? (all[0] as ByteConnection) : connection;
    return { write: (bytes, onTaken) => victim.write(bytes, onTaken) };
  });
  const flows = PLAN.flows.map((flow) => ({ ...flow, at: 0, up: 2_000_000 }));
  const oracles = await oraclesOf(bug, { ...PLAN, flows });
  expect(oracles.some((oracle) => oracle === 'content' || oracle === 'identity')).toBe(true);
});

test('an end before the last byte', async () => {
  const bug = plantInConnections((connection) => {
    let total = 0;
    return {
      write: (bytes, onTaken) => {
        total += bytes.length;
        if (total < 200_000) connection.write(bytes, onTaken);
        else onTaken();
      },
    };
  });
  expect(await oraclesOf(bug)).toContain('truncated');
});

test('writing behind the end', async () => {
  const bug = plantInConnections((connection) => {
    let writes = 0;
    return {
      write: (bytes, onTaken) => {
        writes += 1;
        if (writes === 1) connection.end();
        connection.write(bytes, onTaken);
      },
    };
  });
  expect(await oraclesOf(bug)).toContain('misuse');
});

test('an end that is not passed on', async () => {
  expect(await oraclesOf(plantInConnections(() => ({ end: () => {} })))).toContain('progress');
});

test('a connection that is reset for no reason', async () => {
  const bug = plantInConnections((connection) => {
    let writes = 0;
    return {
      write: (bytes, onTaken) => {
        writes += 1;
        if (writes === 1) connection.destroy(true);
        else connection.write(bytes, onTaken);
      },
    };
  });
  expect(await oraclesOf(bug)).toContain('broken');
});

test('room that is never given back', async () => {
  const bug = plantInConnections((connection) => ({ write: (bytes) => connection.write(bytes, () => {}) }));
  const flows = PLAN.flows.map((flow) => ({ ...flow, up: 1_000_000 }));
  // A reader may pause for as long as it likes, so nobody gives it up.
  expect(await oraclesOf(bug, { ...PLAN, flows })).toContain('progress');
});

test('a timer that is forgotten', async () => {
  let planted = false;
  const bug = plantInHost((host) => ({
    setTimer: (delay, callback) => {
      if (!planted) host.setTimer(1e9, () => {});
      planted = true;
      return host.setTimer(delay, callback);
    },
  }));
  expect(await oraclesOf(bug)).toEqual(['base-line']);
});

test('a socket that stays open', async () => {
  const bug = plantInHost((host) => ({
    openDatagram: (options, events, callback) =>
      host.openDatagram(options, events, (error, socket) => callback(error, socket && overriding(socket, { close: () => {} }))),
  }));
  expect(await oraclesOf(bug)).toEqual(['base-line']);
});

test('a connection that stays open', async () => {
  const bug = plantInHost((host) => ({
    listen: host.listen.bind(host),
    connect: (address, callback) => {
      host.connect(address, () => {});
      return host.connect(address, callback);
    },
  }));
  // The target never hears from the second one: it waits for ever.
  expect(await oraclesOf(bug)).toContain('progress');
});

test('a batch that is not given back', async () => {
  const bug = plantInHost((host) => ({
    createCrypt: (method, key) => {
      BatchPool.of(host.memory).borrow();
      return host.createCrypt(method, key);
    },
  }));
  expect(await oraclesOf(bug)).toEqual(['idle', 'base-line']);
});

test('memory that is not given back', async () => {
  const bug = plantInHost((host) => ({
    createCrypt: (method, key) => {
      host.memory.reserve(4_200_000);
      return host.createCrypt(method, key);
    },
  }));
  expect(await oraclesOf(bug)).toEqual(['base-line']);
});

test('datagrams that are not counted, and such as are counted twice', async () => {
  for (const change of [-1, 1]) {
    const bug = plantInHost((host) => ({
      openDatagram: (options, events, callback) =>
        host.openDatagram(options, events, (error, socket) =>
          callback(error, socket && overriding(socket, { send: (batch) => Math.max(0, socket.send(batch) + change) })),
        ),
    }));
    expect(await oraclesOf(bug)).toContain('counters');
  }
});

test('an end that throws', async () => {
  let timers = 0;
  let thrown = false;
  const bug = plantInHost((host) => ({
    setTimer: (delay, callback) => {
      timers += 1;
      return host.setTimer(delay, () => {
        // Many are taken back: the first of the later ones that comes.
        if (timers >= 30 && !thrown) {
          thrown = true;
          throw new Error('planted');
        }
        callback();
      });
    },
  }));
  expect(await oraclesOf(bug)).toContain('thrown');
});

test('datagrams that stop for good', async () => {
  const bug = plantInHost((host) => ({
    openDatagram: (options, events, callback) =>
      host.openDatagram(options, events, (error, socket) => {
        let sent = 0;
        const send = (batch: Parameters<NonNullable<typeof socket>['send']>[0]): number => {
          sent += batch.count;
          return sent > 50 ? batch.count : (socket?.send(batch) ?? 0);
        };
        callback(error, socket && overriding(socket, { send }));
      }),
  }));
  expect(await oraclesOf(bug)).toContain('broken');
});

test('the stranger, restarts and strange settings excuse nothing that is not theirs', async () => {
  // A seed of each kind, all with the same bug.
  const bug = plantInConnections((connection) => ({
    write: (bytes, onTaken) => connection.write(bytes.length > 1 ? bytes.subarray(1) : bytes, onTaken),
  }));
  const found: boolean[] = [];
  for (let seed = 0; seed < 10; seed++) {
    const oracles = await oraclesOf(bug, drawPlan(seed));
    found.push(oracles.includes('content') || oracles.includes('identity'));
  }
  expect(found.filter(Boolean).length).toBeGreaterThan(7);
}, 120_000);
