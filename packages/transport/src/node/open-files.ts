// The limit of open files of this process (RLIMIT_NOFILE). Node raises the soft limit to the hard one when it starts.

import { readFileSync } from 'node:fs';

/** How many files this process may have open; `undefined` where there is no such limit or it cannot be known. */
export function openFilesLimit(): number | undefined {
  if (process.platform === 'win32') return undefined;
  const soft = Number(process.platform === 'linux' ? fromProc() : fromReport());
  return Number.isFinite(soft) ? soft : undefined;
}

function fromProc(): string | undefined {
  try {
    return /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  } catch {
    return undefined;
  }
}

/** Cheap at start, and later not: the report looks up the names behind all TCP sockets. */
function fromReport(): number | string | undefined {
  const report = process.report.getReport() as { readonly userLimits?: { readonly open_files?: { readonly soft: number | string } } };
  return report.userLimits?.open_files?.soft;
}
