// Waiting for the end of everything: streams end with their connections, but their last bytes are on the way for longer.

import type { Host } from '@kcptun/transport';

/** How often it is looked whether all is done, in ms. */
const LOOK_INTERVAL = 10;

/** What is cut off at the end of a drain may take so long to be told to the peer, in ms. */
export const FAREWELL = 500;

/** Resolves with true as soon as `done` says so, or with false after `timeout` ms. */
export function waitUntil(host: Host, timeout: number, done: () => boolean): Promise<boolean> {
  const end = host.now() + timeout;
  return new Promise((resolve) => {
    const look = (): void => {
      if (done()) resolve(true);
      else if (host.now() >= end) resolve(false);
      else host.setTimer(Math.min(LOOK_INTERVAL, end - host.now()), look);
    };
    look();
  });
}
