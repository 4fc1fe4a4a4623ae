// SIGTERM and SIGINT end a program: it stops within a second and leaves with 128 + signal, so that supervisors and shells see why it ended.
// A second signal does not wait.

/** The part of `process` that is used. */
export interface SignalSource {
  /** Adds a listener. */
  on(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
  /** Takes a listener off. */
  off(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
}

/** What ends a program. */
export interface StopHandlers {
  /** Stops the work; called once. */
  stop(): Promise<void> | void;
  /** Leaves with this code; called once. */
  exit(code: number): void;
}

/** How long a stop may take, in ms. */
export const STOP_TIMEOUT = 1000;

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

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
  const handle = (code: number): void => {
    if (stopping) {
      leave(code);
      return;
    }
    stopping = true;
    setTimeout(leave, STOP_TIMEOUT, code).unref();
    const done = (): void => leave(code);
    Promise.resolve()
      .then(() => handlers.stop())
      .then(done, done);
  };
  const onInterrupt = (): void => handle(SIGNALS.SIGINT);
  const onTerminate = (): void => handle(SIGNALS.SIGTERM);
  source.on('SIGINT', onInterrupt);
  source.on('SIGTERM', onTerminate);
  return () => {
    source.off('SIGINT', onInterrupt);
    source.off('SIGTERM', onTerminate);
  };
}
