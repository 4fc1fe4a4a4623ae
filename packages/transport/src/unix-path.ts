// Names of unix sockets. Systems have little room for them, and a name that does not fit is cut off
// by older versions of Node without a word.

/** Most bytes of a path: the room of sockaddr_un, less the zero behind it. */
const MOST_BYTES: Readonly<Record<string, number>> = { linux: 107, android: 107, win32: 0 };
/** That of the other systems. */
const MOST_BYTES_BSD = 103;

/** Whether a name is one of the abstract namespace of Linux, written as `@name`. */
export function isAbstract(path: string): boolean {
  return path.startsWith('@');
}

/** The name as the system wants it: a zero byte begins one of the abstract namespace. */
export function systemPath(path: string): string {
  return isAbstract(path) ? `\0${path.slice(1)}` : path;
}

/**
 * What is wrong with the name of a unix socket, and what to do, as the end of a sentence about it.
 * @param system - as `process.platform` says it
 */
export function unixPathProblem(path: string, system: string): string | undefined {
  if (path === '' || path === '@') return 'names no socket; write a path, like /run/kcptun.sock';
  if (isAbstract(path) && system !== 'linux' && system !== 'android') {
    return 'is in the abstract namespace, which only Linux has; write a path, like /run/kcptun.sock';
  }
  if (path.includes('\0')) return 'has a zero byte in it; write a path, like /run/kcptun.sock';
  const most = MOST_BYTES[system] ?? MOST_BYTES_BSD;
  // The name of an abstract socket has as many bytes: the zero is in front of it.
  const length = new TextEncoder().encode(path).length - (isAbstract(path) ? 1 : 0);
  return most === 0 || length <= most ? undefined : `is ${length} bytes long; use a path of at most ${most} bytes`;
}
