// SIGTERM and SIGINT end a program in order: it lets open connections finish for a bounded time and leaves with 0, so that supervisors see a
// stop and no failure. A second signal does not wait and leaves with 128 + its number, as shells say "ended by a signal".

import { EXIT_FAILURE, EXIT_OK } from './program.ts';

/** The signals that end a program. */
export type StopSignal = 'SIGTERM' | 'SIGINT';

/** The part of `process` that is used. */
export interface SignalSource {
  /** Adds a listener. */
  on(signal: StopSignal, listener: () => void): unknown;
  /** Takes a listener off. */
  off(signal: StopSignal, listener: () => void): unknown;
}

/** What ends a program. */
export interface StopHandlers {
  /** Stops the work; called once. */
  stop(signal: StopSignal): Promise<void> | void;
  /** Leaves with this code; called once. */
  exit(code: number): void;
}

const CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Stops a program when a signal comes.
 * @param source - where signals come from (default: the process)
 * @returns a function that takes the listeners off again
 */
export function stopOnSignals(handlers: StopHandlers, source: SignalSource = process): () => void {
  let stopping = false;
  let left = false;
  const leave = (code: number): void => {
    if (left) return;
    left = true;
    handlers.exit(code);
  };
  const handle = (signal: StopSignal): void => {
    if (stopping) {
      leave(CODES[signal]);
      return;
    }
    stopping = true;
    Promise.resolve()
      .then(() => handlers.stop(signal))
      .then(
        () => leave(EXIT_OK),
        () => leave(EXIT_FAILURE),
      );
  };
  const onInterrupt = (): void => handle('SIGINT');
  const onTerminate = (): void => handle('SIGTERM');
  source.on('SIGINT', onInterrupt);
  source.on('SIGTERM', onTerminate);
  return () => {
    source.off('SIGINT', onInterrupt);
    source.off('SIGTERM', onTerminate);
  };
}
