// A native socket that gets a fast stream of single datagrams: it is read in large pieces, loses nothing, and goes back to reading at once.

import dgram from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { World } from './native-world.ts';

const { obstacle } = new World(process.env['KCPTUN_NO_NATIVE'] !== '1').backend;

describe('the pace of reading', () => {
  it.skipIf(obstacle !== undefined)(
    `puts reads off while datagrams come fast${obstacle === undefined ? '' : `: NOT TESTED HERE: ${obstacle}`}`,
    async () => {
      const world = new World(true);
      const station = await world.open({ host: '127.0.0.1', port: 0, bufferSize: 4 << 20 });
      const peer = dgram.createSocket('udp4');
      peer.connect(station.socket.local.port, '127.0.0.1');
      await once(peer, 'connect');
      const total = 20_000;
      const payload = new Uint8Array(100);
      for (let sent = 0; sent < total; ) {
        for (let k = 0; k < 4; k++, sent++) peer.send(payload);
        await new Promise((done) => setImmediate(done));
      }
      await station.until(() => station.arrivals.length === total);
      // Four at a time are sent, and without pace as many are read.
      expect(Math.max(...station.batchSizes)).toBeGreaterThan(8);
      const sizes = station.batchSizes.length;
      for (let one = 1; one <= 20; one++) {
        peer.send(payload);
        await station.until(() => station.arrivals.length === total + one);
      }
      expect(station.batchSizes.slice(sizes)).toEqual(new Array(20).fill(1));
      expect(station.troubles).toEqual([]);
      peer.close();
      world.close();
    },
  );
});
