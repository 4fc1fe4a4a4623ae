// The limit of open files. Every connection takes one at each end, and a limit reached shows as connections that fail for no visible reason.
// Node raises the soft limit to the hard one when it starts; what is left to do here is to say when that is not much.

import { openFilesLimit } from '@kcptun/transport';

/** Below this, the limit is worth a warning. */
const ENOUGH_FILES = 4096;

/** One line when this process may open few files; `undefined` where there is no such limit or none that hurts. */
export function adviseOnOpenFiles(limit: number | undefined = openFilesLimit()): string | undefined {
  if (limit === undefined || limit >= ENOUGH_FILES) return undefined;
  return (
    `only ${limit} files may be open at a time, one of them for each connection; ` +
    'raise the hard limit (LimitNOFILE=65536 in a systemd unit, `ulimit -Hn 65536` in a shell of root, --ulimit nofile=65536 for Docker)'
  );
}
