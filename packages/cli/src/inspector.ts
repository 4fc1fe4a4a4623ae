// The debugger of Node, which SIGUSR1 opens before a program can take the signal: in the first
// hundredths of a second, while Node itself starts.

/** Closes the debugger unless the command line or NODE_OPTIONS asks for it. */
export async function closeUnaskedInspector(): Promise<void> {
  const asked = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].some((word) => /--inspect(-brk|-wait)?(=|\s|$)/.test(word));
  if (asked) return;
  try {
    const { close, url } = await import('node:inspector');
    if (url() !== undefined) close();
  } catch {
    // There are builds without it.
  }
}
