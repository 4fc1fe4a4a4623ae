// A server that starts over, networks that go away and come back, machines that sleep: simulated, so that every wait is exact.

import type { SimLink } from '@kcptun/testkit';
import type { TunnelError } from '@kcptun/tunnel';
import { describe, expect, it } from 'vitest';
import { CLIENT, type Party, SECOND, SERVER, Simulation } from './simulation.ts';

const ANSWER = 2000;
const DELAY = 20;

function answer(party: Party): void {
  party.send(ANSWER, 4);
}

function blackOut(simulation: Simulation, ms: number): void {
  const { now } = simulation.world.clock;
  for (const link of [simulation.world.link(CLIENT, SERVER), simulation.world.link(SERVER, CLIENT)]) link.blackOut(now, now + ms);
}

function gone(simulation: Simulation): string[] {
  return simulation.clientLines.lines.filter((line) => line.includes(' ended: '));
}

describe('a server that was killed and started again', () => {
  it.each([
    ['an idle tunnel', 0],
    ['one whose server cannot even take what the client sends', 3_000_000],
  ])('%s: the connection that finds out is reset at once, the next one works', async (_name, before) => {
    const simulation = await Simulation.start({ onTarget: answer });
    const reasons: (string | undefined)[] = [];
    simulation.client.on('sessionClosed', (_link, error) => reasons.push((error as TunnelError | undefined)?.code));
    const app = simulation.connect(4);
    app.send(before + 1000);
    simulation.run(() => simulation.targets[0]?.received === before + 1000 && app.received === ANSWER, 60 * SECOND);
    app.connection.end();
    simulation.world.clock.advanceBy(3 * SECOND);
    await simulation.killServer(SECOND);
    // What it had sent may have been taken by the server that is gone, for all that is known here.
    const first = simulation.connect(4);
    first.send(1000);
    simulation.run(() => first.closed, before === 0 ? 10 * DELAY : 2 * SECOND);
    expect(first.error?.message).toContain('ECONNRESET');
    expect(simulation.exchange(ANSWER, 3 * SECOND)).toBeLessThan(10 * DELAY);
    expect(simulation.targets.slice(1).map(({ received }) => received)).toEqual([1000]);
    expect(gone(simulation)).toEqual([`session to ${SERVER}:29900 ended: the server has started over`]);
    expect(reasons).toEqual(['KCPTUN_ERR_TUNNEL_PEER_GONE']);
    simulation.stop();
  });

  it.each(['up', 'down'])('in the middle of a transfer %s: the old stream is reset, the next one works', async (direction) => {
    const simulation = await Simulation.start({
      onTarget: (party) => (direction === 'down' ? party.send(30_000_000, 4) : answer(party)),
      link: (link) => link.setDelay(DELAY).setRate(3_000_000, 200_000),
    });
    const app = simulation.connect(4);
    app.send(direction === 'up' ? 30_000_000 : 1000);
    simulation.world.clock.advanceBy(2 * SECOND);
    expect(app.closed).toBe(false);
    const { now } = simulation.world.clock;
    await simulation.killServer();
    if (direction === 'up') {
      // What the old server had not taken is lost, and said so. The new one gets nothing of that stream.
      simulation.run(() => app.closed, 3 * SECOND);
      expect(simulation.exchange(ANSWER, 3 * SECOND)).toBeLessThan(3 * SECOND);
    }
    simulation.run(() => app.closed, 15 * SECOND);
    expect(app.error?.message).toContain('ECONNRESET');
    expect(app.wrong).toBe(-1);
    expect(simulation.world.clock.now - now).toBeLessThan(15 * SECOND);
    expect(simulation.targets.slice(1).every(({ wrong }) => wrong < 0)).toBe(true);
    simulation.stop();
  });

  it('after it was away for longer: connections that came meanwhile begin when it is back', async () => {
    const simulation = await Simulation.start({ onTarget: answer });
    simulation.exchange(ANSWER, SECOND);
    const far = simulation.world.reboot(SERVER);
    simulation.far = far;
    simulation.world.clock.advanceBy(SECOND);
    const first = simulation.connect(4);
    first.send(1000);
    simulation.world.clock.advanceBy(6 * SECOND);
    const second = simulation.connect(4);
    second.send(1000);
    simulation.world.clock.advanceBy(SECOND);
    await simulation.killServer();
    simulation.run(() => first.received === ANSWER && second.received === ANSWER, 3 * SECOND);
    // The target has each of them once.
    expect(simulation.targets.slice(1).map(({ received }) => received)).toEqual([1000, 1000]);
    simulation.stop();
  });

  it('loses no byte and sends none twice, whenever it happens', async () => {
    for (let seed = 0; seed < 6; seed++) {
      const simulation = await Simulation.start({ seed, link: (link) => link.setDelay(DELAY).setLoss(0.05), onTarget: answer });
      simulation.exchange(ANSWER, 10 * SECOND);
      const app = simulation.connect(4);
      app.send(50_000);
      simulation.world.clock.advanceBy(seed * 14);
      await simulation.killServer();
      simulation.run(() => app.closed || simulation.targets.at(-1)?.received === 50_000, 40 * SECOND);
      const got = simulation.targets.slice(1).map(({ received }) => received);
      expect(simulation.targets.every(({ wrong }) => wrong < 0)).toBe(true);
      if (app.closed) expect(app.error?.message).toContain('ECONNRESET');
      else expect(got.at(-1)).toBe(50_000);
      // An old target may have got the beginning; then the connection does not begin anew.
      if (got.length > 1 && (got[0] as number) > 0) expect(app.closed).toBe(true);
      simulation.stop();
    }
  });
});

/** How many targets have a whole request, not counting the first ones. */
function runs(simulation: Simulation, skip: number, length = 1000): number {
  return simulation.targets.slice(skip).filter(({ received }) => received === length).length;
}

describe('a request that was sent', () => {
  it.each([200, 1000, 3000])('is not sent to a server that started over within an outage of %i ms', async (outage) => {
    const simulation = await Simulation.start({ onTarget: answer });
    simulation.exchange(ANSWER, 5 * SECOND);
    simulation.world.clock.advanceBy(2 * SECOND);
    const { now } = simulation.world.clock;
    simulation.world.link(SERVER, CLIENT).blackOut(now, now + outage);
    const app = simulation.connect(4);
    app.send(1000);
    simulation.world.clock.advanceBy(outage / 2);
    expect(runs(simulation, 1)).toBe(1);
    await simulation.killServer(10);
    simulation.run(() => app.closed, 30 * SECOND);
    simulation.world.clock.advanceBy(30 * SECOND);
    expect(app.error?.message).toContain('ECONNRESET');
    expect(runs(simulation, 1)).toBe(1);
    simulation.stop();
  });

  it.each([200, 1000, 3000])('is the first one, and the server starts over after %i ms unheard: it runs once', async (outage) => {
    const simulation = await Simulation.start({ onTarget: answer });
    simulation.world.link(SERVER, CLIENT).blackOut(0, 2 * outage);
    const app = simulation.connect(4);
    app.send(1000);
    simulation.world.clock.advanceBy(outage);
    // Nothing is sent in a session that could begin anew at another server.
    expect(runs(simulation, 0)).toBe(0);
    await simulation.killServer(10);
    simulation.run(() => app.received === ANSWER || app.closed, 30 * SECOND);
    simulation.world.clock.advanceBy(30 * SECOND);
    expect(app).toMatchObject({ received: ANSWER, closed: false });
    expect(runs(simulation, 0)).toBe(1);
    simulation.stop();
  });

  it.each([0.02, 0.3])('runs once, whenever the server starts over, at a loss of %d', async (loss) => {
    let got = 0;
    for (let seed = 1; seed <= 8; seed++) {
      const simulation = await Simulation.start({ seed, link: (link) => link.setDelay(DELAY).setLoss(loss) });
      simulation.connect(4).send(100);
      simulation.world.clock.advanceBy(3 * SECOND);
      const app = simulation.connect(4);
      app.send(1000);
      simulation.world.clock.advanceBy(25 + seed * 8);
      got += runs(simulation, 0);
      await simulation.killServer(100);
      simulation.world.clock.advanceBy(6 * SECOND);
      expect(runs(simulation, 0), `seed ${seed}`).toBeLessThanOrEqual(1);
    }
    expect(got).toBeGreaterThan(0);
  });
});

describe('a stream of which nothing was sent', () => {
  it('begins anew when the server has started over', async () => {
    const simulation = await Simulation.start({ onTarget: answer, shared: { session: { sndWnd: 2 } } });
    const bulk = simulation.connect(4);
    bulk.send(1_000_000);
    simulation.world.clock.advanceBy(3 * SECOND);
    await simulation.killServer();
    // The last answers of the old server have come, and the window is full again.
    simulation.world.clock.advanceBy(DELAY + 5);
    const app = simulation.connect(4);
    app.send(50_000);
    app.connection.end();
    simulation.run(() => app.received === ANSWER, 10 * SECOND);
    simulation.run(() => simulation.targets.at(-1)?.ended === true, 10 * SECOND);
    expect(bulk.error?.message).toContain('ECONNRESET');
    expect(app.closed).toBe(false);
    expect(simulation.targets.slice(1)).toMatchObject([{ received: 50_000, wrong: -1 }]);
    simulation.stop();
  });

  it('waits while the server does not answer, and goes to the one that does', async () => {
    const simulation = await Simulation.start({ onTarget: answer });
    const bulk = simulation.connect(4);
    bulk.send(100_000);
    simulation.run(() => simulation.targets[0]?.received === 100_000, SECOND);
    blackOut(simulation, 1500);
    bulk.send(1000);
    simulation.world.clock.advanceBy(SECOND);
    // The server has been asked for some time.
    const app = simulation.connect(4);
    app.send(1000);
    await simulation.killServer(2 * SECOND);
    simulation.run(() => app.received === ANSWER, 3 * SECOND);
    expect(app.closed).toBe(false);
    expect(runs(simulation, 1)).toBe(1);
    simulation.stop();
  });

  it('goes on in its session when that only lost some packets', async () => {
    const simulation = await Simulation.start({ onTarget: answer });
    const bulk = simulation.connect(4);
    bulk.send(100_000);
    simulation.run(() => simulation.targets[0]?.received === 100_000, SECOND);
    blackOut(simulation, 1500);
    bulk.send(1000);
    simulation.world.clock.advanceBy(SECOND);
    const app = simulation.connect(4);
    app.send(1000);
    simulation.run(() => app.received === ANSWER, 2 * SECOND);
    expect(simulation.client.stats().links).toHaveLength(1);
    expect(simulation.client.counters.snapshot().ActiveOpens).toBe(1);
    simulation.stop();
  });
});

describe('a server that is only slow to answer', () => {
  it('is not given up at 30 % loss, hour after hour', async () => {
    const simulation = await Simulation.start({
      seed: 5,
      link: (link: SimLink) => link.setDelay(60).setJitter(30).setLoss(0.3).setReorder(0.05, 200).setDuplicate(0.02),
    });
    const app = simulation.connect();
    let sent = 0;
    for (let step = 0; step < 600; step++) {
      app.send(step % 100 === 0 ? 60_000 : 100);
      sent += step % 100 === 0 ? 60_000 : 100;
      simulation.world.clock.advanceBy(3 * SECOND);
    }
    expect(app.closed).toBe(false);
    // At worst another session was made for a while, which ends when it is silent and carries nothing; the stream lives on in its own.
    expect(simulation.client.stats().links.length).toBeLessThanOrEqual(2);
    expect(gone(simulation).length).toBeLessThanOrEqual(1);
    simulation.run(() => simulation.targets[0]?.received === sent, 60 * SECOND);
    simulation.stop();
  });

  it('is not given up for a silence of 10 s; new connections begin when it goes on', async () => {
    const simulation = await Simulation.start({ onTarget: answer });
    const app = simulation.connect(4);
    app.send(1000);
    simulation.run(() => app.received === ANSWER, SECOND);
    simulation.far.process.freeze(10 * SECOND);
    app.send(500_000);
    simulation.world.clock.advanceBy(4 * SECOND);
    const meanwhile = simulation.connect(4);
    meanwhile.send(1000);
    simulation.world.clock.advanceBy(7 * SECOND);
    expect(meanwhile.received).toBe(ANSWER);
    simulation.run(() => simulation.targets[0]?.received === 501_000, 3 * SECOND);
    expect(app.closed).toBe(false);
    expect(gone(simulation)).toEqual([]);
    simulation.stop();
  });

  it('an idle peer is not a dead one', async () => {
    const simulation = await Simulation.start({ onTarget: answer });
    const app = simulation.connect(4);
    app.send(1000);
    simulation.world.clock.advanceBy(3600 * SECOND);
    expect(simulation.clientLines.lines).toEqual([]);
    expect(simulation.client.stats().links).toHaveLength(1);
    simulation.stop();
  });
});

describe('a network', () => {
  it.each([5, 25, 45])('that carries nothing for %i s heals by itself', async (seconds) => {
    const simulation = await Simulation.start({ onTarget: answer });
    const app = simulation.connect(4);
    app.send(1000);
    simulation.run(() => app.received === ANSWER, SECOND);
    blackOut(simulation, seconds * SECOND);
    app.send(100_000);
    simulation.world.clock.advanceBy(seconds * SECOND);
    expect(simulation.exchange(ANSWER, 5 * SECOND)).toBeLessThan(3 * SECOND);
    // The stream from before has either gone on or ended with an error.
    simulation.run(() => app.closed || simulation.targets[0]?.received === 101_000, 20 * SECOND);
    if (app.closed) expect(app.error?.message).toContain('ECONNRESET');
    if (seconds <= 25) expect(app.closed).toBe(false);
    simulation.stop();
  });

  it('that gives the client another address: with a server that does not follow, another session takes over', async () => {
    const simulation = await Simulation.start({ onTarget: answer });
    const app = simulation.connect(4);
    app.send(1000);
    simulation.run(() => app.received === ANSWER, SECOND);
    // The old address is gone: what is sent from its sockets leads nowhere.
    const before = simulation.near.ports;
    simulation.world.clock.advanceBy(SECOND);
    simulation.world.rebind(CLIENT, '10.0.0.77');
    expect([...before]).toHaveLength(1);
    app.send(1000);
    expect(simulation.exchange(ANSWER, 10 * SECOND)).toBeLessThan(4 * SECOND);
    simulation.run(() => app.closed || simulation.targets[0]?.received === 2000, 15 * SECOND);
    simulation.stop();
  });
});

describe('a machine', () => {
  it.each(['client', 'server'])('that sleeps for a minute (%s) finds its tunnel working', async (who) => {
    const simulation = await Simulation.start({ onTarget: answer });
    const app = simulation.connect(4);
    app.send(1000);
    simulation.run(() => app.received === ANSWER, SECOND);
    const sleeper = who === 'client' ? simulation.near : simulation.far;
    blackOut(simulation, 60 * SECOND);
    sleeper.process.freeze(60 * SECOND);
    simulation.world.clock.advanceBy(60 * SECOND + 1);
    expect(simulation.exchange(ANSWER, 5 * SECOND)).toBeLessThan(3 * SECOND);
    app.send(1000);
    simulation.run(() => app.closed || simulation.targets[0]?.received === 2000, 45 * SECOND);
    simulation.stop();
  });

  const sleeps = ['its clock stands still', 'its clock goes on', 'a process that was stopped'].flatMap((how) =>
    [1, 5, 12, 25, 60, 600].map((seconds) => [how, seconds] as const),
  );

  it.each(sleeps)('(%s) that comes back after %i s: the first connection works', async (how, seconds) => {
    for (const wait of [0, 3.1, 9.7]) {
      const simulation = await Simulation.start({ onTarget: answer });
      const old = simulation.connect(4);
      old.send(1000);
      simulation.run(() => old.received === ANSWER, SECOND);
      simulation.world.clock.advanceBy((3 + wait) * SECOND);
      const { process } = simulation.near;
      if (how === 'its clock stands still') process.suspend(seconds * SECOND);
      else process.freeze(seconds * SECOND);
      // What is sent to a process that is stopped waits in its socket.
      if (how !== 'a process that was stopped') blackOut(simulation, seconds * SECOND - 5);
      simulation.world.clock.advanceBy(seconds * SECOND + 1);
      expect(simulation.exchange(ANSWER, 5 * SECOND)).toBeLessThan(3 * SECOND);
      // Nor is one lost that comes a little later.
      simulation.world.clock.advanceBy(4 * SECOND);
      simulation.exchange(ANSWER, 5 * SECOND);
      old.send(1000);
      simulation.run(() => old.closed || simulation.targets[0]?.received === 2000, 45 * SECOND);
      if (seconds <= 12) expect(old.closed).toBe(false);
      simulation.stop();
    }
  });

  it('whose clock jumps by a minute blames nobody', async () => {
    const simulation = await Simulation.start({ onTarget: answer });
    const app = simulation.connect(4);
    app.send(1000);
    simulation.world.clock.advanceBy(29.9 * SECOND);
    app.send(100_000);
    simulation.near.process.jump(60 * SECOND);
    simulation.far.process.jump(60 * SECOND);
    simulation.run(() => simulation.targets[0]?.received === 101_000, 5 * SECOND);
    simulation.world.clock.advanceBy(60 * SECOND);
    expect(app.closed).toBe(false);
    expect(gone(simulation)).toEqual([]);
    simulation.stop();
  });
});

describe('the server', () => {
  it('ends the connections of a client that has gone, within a minute', async () => {
    const simulation = await Simulation.start();
    const app = simulation.connect();
    app.send(1000);
    simulation.run(() => simulation.targets[0]?.received === 1000, SECOND);
    simulation.world.reboot(CLIENT);
    simulation.run(() => simulation.targets[0]?.closed === true, 61 * SECOND);
    expect(simulation.targets[0]?.error?.message).toContain('ECONNRESET');
    expect(simulation.server.stats()).toMatchObject({ streams: 0, links: [] });
  });
});
