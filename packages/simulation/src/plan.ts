// What happens in one run, as plain data: a plan is drawn from a seed, can be written to a file, reduced and replayed. Times in ms of the
// world's clock, sizes in bytes. Everything but the settings of the two ends has a value that means nothing special, so that a reduced plan
// reads as what is needed to fail.

import type { TunnelClientOptions, TunnelOptions } from '@kcptun/tunnel';

/** Settings of one end. */
export type EndSettings = Pick<
  TunnelOptions,
  'key' | 'crypt' | 'compression' | 'qpp' | 'session' | 'smux' | 'closeWait' | 'replayProtection'
>;

/** What only a client has. */
type ClientSettings = Pick<TunnelClientOptions, 'autoExpire' | 'scavengeTtl'>;

/** What one direction of the path does to datagrams; absent means that it does not. */
export interface PathPlan {
  readonly delay: number;
  readonly jitter?: number;
  readonly loss?: number;
  /** Probabilities of entering and of leaving a burst in which everything is lost. */
  readonly burst?: readonly [enter: number, leave: number];
  readonly duplicate?: number;
  readonly corrupt?: number;
  /** Probability, and by how much. */
  readonly reorder?: readonly [probability: number, ms: number];
  /** Bytes per second, and bytes that wait at most. */
  readonly rate?: readonly [bytesPerSecond: number, queueBytes: number];
}

/**
 * A server that was ended is back no sooner than this, in ms, unless a plan says less. One that is back before what was on its way to it has arrived
 * can take the beginning of a session for a new one, and its answers are then taken for the continuation of its predecessor's: the wire has
 * nothing to tell them apart by. Programs take longer to start.
 */
export const LEAST_ABSENCE = 2000;

/** Which end of the tunnel. */
export type End = 'client' | 'server';

/** Something that goes wrong at a moment. */
export type Fault =
  /** Everything is lost in one direction or both. */
  | { readonly kind: 'black-out'; readonly at: number; readonly way: 'up' | 'down' | 'both'; readonly length: number }
  /** The client appears at other ports, and at another address with `roam`. */
  | { readonly kind: 'rebind'; readonly at: number; readonly roam: boolean }
  /** An end goes away, in one of the ways in which programs do, and is started again after a pause. */
  | { readonly kind: 'restart'; readonly at: number; readonly end: End; readonly how: 'stop' | 'kill' | 'drain'; readonly pause: number }
  /** An end gets no processor. */
  | { readonly kind: 'freeze'; readonly at: number; readonly end: End; readonly length: number }
  /**
   * The machine of an end sleeps: it gets no processor and no datagrams. Where its clock stands still, as
   * on Linux, so do its timers, and nothing but the time of day tells it afterwards.
   */
  | { readonly kind: 'suspend'; readonly at: number; readonly end: End; readonly length: number; readonly clock: 'stands' | 'goes' }
  /** The machine of an end has slept: its clock is ahead, its timers are not. */
  | { readonly kind: 'jump'; readonly at: number; readonly end: End; readonly by: number }
  /** The sockets of an end take no more than so many datagrams of a batch. */
  | { readonly kind: 'congestion'; readonly at: number; readonly end: End; readonly length: number; readonly limit: number }
  /** The route changes: another delay both ways. */
  | { readonly kind: 'route'; readonly at: number; readonly delay: number }
  /** The target refuses connections. */
  | { readonly kind: 'target-down'; readonly at: number; readonly length: number }
  /**
   * A stranger sends datagrams to the server, and to where the client's last datagram came from:
   * noise, or what it has seen on the path. With `spoof`, what the server never got of the client,
   * from addresses of the client that were others' (to the server only).
   */
  | { readonly kind: 'stranger'; readonly at: number; readonly count: number; readonly what: 'noise' | 'replay' | 'spoof' };

/** What one end of a flow does with its connection. */
export interface Behaviour {
  /** Bytes per write. */
  readonly chunk: number;
  /** Pause between writes; absent: the next follows as soon as the system has taken the last. */
  readonly pace?: number;
  /** Reads nothing for a time once it has this many bytes. */
  readonly stall?: { readonly after: number; readonly length: number };
  /** Reads no faster than this, in bytes per ms. */
  readonly readRate?: number;
  /**
   * How it ends: `half` ends its direction behind its data, `late` when it has everything from the other side too, `hold` when the world
   * calms down, `close` and `reset` close the whole connection after `after` bytes sent and received together.
   */
  readonly end: 'half' | 'late' | 'hold' | 'close' | 'reset';
  readonly after?: number;
}

/** One connection of an application, through the tunnel, to the target. */
export interface FlowPlan {
  readonly at: number;
  /** Bytes from the application to the target: 0, or 4 and more, because the first four say which flow this is. */
  readonly up: number;
  /** Bytes back; nothing unless the target can know which flow it is. */
  readonly down: number;
  readonly app: Behaviour;
  readonly target: Behaviour;
}

/** A whole run. */
export interface Plan {
  /** What this plan found, in a plan that is kept. */
  readonly note?: string;
  /** For everything that chance decides while it runs. */
  readonly seed: number;
  /** Settings of the client, and of the server where it says nothing else. */
  readonly settings: EndSettings;
  /** Settings that differ at the server: with some of them the ends cannot understand each other. */
  readonly serverSettings?: Partial<EndSettings>;
  /** What only the client has. */
  readonly clientSettings?: ClientSettings;
  /** Sessions of the client. */
  readonly connections: number;
  /**
   * The client calls the second address of the server's machine. `called`: answers leave from that one,
   * as with the native backend. `first`: from the first one, as with node:dgram.
   */
  readonly secondAddress?: 'called' | 'first';
  /** Bytes that the target says before it hears anything; 0 or 4 and more. */
  readonly greeting: number;
  readonly up: PathPlan;
  readonly down: PathPlan;
  /** From now on nothing goes wrong any more: the path keeps its delay and rate, readers read, what is held ends. */
  readonly calmAt: number;
  readonly faults: readonly Fault[];
  readonly flows: readonly FlowPlan[];
}

/** Settings of an end of a plan. */
export function settingsOf(plan: Plan, end: End): EndSettings {
  return end === 'client' ? plan.settings : { ...plan.settings, ...plan.serverSettings };
}

/** Whether both ends of a plan understand each other. */
export function isMatched(plan: Plan): boolean {
  const client = settingsOf(plan, 'client');
  const server = settingsOf(plan, 'server');
  return (
    client.key === server.key &&
    (client.crypt ?? 'aes') === (server.crypt ?? 'aes') &&
    (client.compression ?? true) === (server.compression ?? true) &&
    (client.smux?.version ?? 2) === (server.smux?.version ?? 2) &&
    JSON.stringify(client.qpp ?? null) === JSON.stringify(server.qpp ?? null)
  );
}
