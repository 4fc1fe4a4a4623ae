// Which troubles of sockets a user sees: those that stay.

import type { Logger } from '@kcptun/common';
import { SimWorld } from '@kcptun/testkit';
import { type DatagramEvents, type Host, TransportError } from '@kcptun/transport';
import { TunnelServer } from '@kcptun/tunnel';
import { expect, test } from 'vitest';

test('a socket that goes on with smaller means is a warning, a datagram that could not be sent is not', async () => {
  const world = new SimWorld({ seed: 1 });
  const sim = world.host('10.0.0.1');
  let events: DatagramEvents | undefined;
  const host: Host = Object.create(sim, {
    memory: { value: sim.memory },
    openDatagram: {
      value: (...[options, given, callback]: Parameters<Host['openDatagram']>) => {
        events = given;
        sim.openDatagram(options, given, callback);
      },
    },
  });
  const lines: string[] = [];
  const write =
    (level: string) =>
    (text: string): void =>
      void lines.push(`${level} ${text}`);
  const logger: Logger = { debug: write('debug'), info: () => {}, warn: write('warn'), error: write('error') };
  const listen = { host: '10.0.0.1', minPort: 9, maxPort: 9 };
  const server = new TunnelServer({ host, key: 'k', listen, target: { host: '10.0.0.1', port: 10 }, logger });
  await server.start();
  events?.onTrouble(new TransportError('KCPTUN_ERR_TRANSPORT_SOCKET', 'send ENETUNREACH'));
  events?.onTrouble(new TransportError('KCPTUN_ERR_TRANSPORT_OFFLOAD', 'send EIO: one by one'));
  server.stop();
  expect(lines).toEqual(['debug udp: send ENETUNREACH', 'warn udp: send EIO: one by one']);
});
