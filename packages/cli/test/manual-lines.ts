// The command lines of the original's manuals, from the quick start of 2016 to the tuning guide of 2025: placeholders, one dash and all.

import type { Side } from '@kcptun/cli';

/** A command line of a manual and what that manual says it does. */
export interface ManualLine {
  readonly from: string;
  readonly side: Side;
  /** As it is printed, without the program. */
  readonly line: string;
  readonly means: Readonly<Record<string, unknown>>;
}

const FAST3 = { mode: 'fast3', nodelay: 1, interval: 10, resend: 2, nc: 1 };
const FAST2 = { mode: 'fast2', nodelay: 1, interval: 20, resend: 2, nc: 1 };
const FAST = { mode: 'fast', nodelay: 0, interval: 30, resend: 2, nc: 1 };
const NORMAL = { mode: 'normal', nodelay: 0, interval: 40, resend: 2, nc: 1 };
/** Since autumn 2016; the files of that time carry it too. */
const DEFAULT = { mode: 'default', nodelay: 0, interval: 50, resend: 0, nc: 0 };

/** Both programs with the same flags, which mean the same. */
function pair(from: string, line: string, means: ManualLine['means']): ManualLine[] {
  return [
    { from, side: 'client', line: `-r KCP_SERVER_IP:4000 -l :8388 ${line}`, means },
    { from, side: 'server', line: `-t TARGET_IP:8388 -l :4000 ${line}`, means },
  ];
}

export const MANUAL_LINES: readonly ManualLine[] = [
  // Quick starts.
  {
    from: 'quick start 2025',
    side: 'client',
    line: '-r KCP_SERVER_IP:4000 -l :8388 -mode fast3 -nocomp -autoexpire 900 -sockbuf 16777217 -dscp 46',
    means: { remoteaddr: 'KCP_SERVER_IP:4000', localaddr: ':8388', ...FAST3, nocomp: true, autoexpire: 900, sockbuf: 16_777_217, dscp: 46 },
  },
  {
    from: 'quick start 2025',
    side: 'server',
    line: '-t TARGET_IP:8388 -l :4000 -mode fast3 -nocomp -sockbuf 16777217 -dscp 46',
    means: { target: 'TARGET_IP:8388', listen: ':4000', ...FAST3, nocomp: true, sockbuf: 16_777_217, dscp: 46 },
  },
  {
    from: 'quick start 2016',
    side: 'client',
    line: '-r KCP_SERVER_IP:4000 -l :8388',
    means: { remoteaddr: 'KCP_SERVER_IP:4000', localaddr: ':8388', ...FAST, crypt: 'aes', nocomp: false, datashard: 10, parityshard: 3 },
  },
  {
    from: 'quick start 2016',
    side: 'server',
    line: '-t TARGET_IP:8388 -l :4000',
    means: { target: 'TARGET_IP:8388', listen: ':4000', ...FAST },
  },
  ...pair('quick start late 2016', '-mode fast2', FAST2),
  // Recommended parameters of 2016, for lines with a slow way up.
  {
    from: 'recommended 2016',
    side: 'client',
    line: '-mtu 1400 -sndwnd 256 -rcvwnd 2048 -mode fast2 -dscp 46',
    means: { mtu: 1400, sndwnd: 256, rcvwnd: 2048, ...FAST2, dscp: 46 },
  },
  {
    from: 'recommended 2016',
    side: 'server',
    line: '-mtu 1400 -sndwnd 2048 -rcvwnd 2048 -mode fast2',
    means: { mtu: 1400, sndwnd: 2048, rcvwnd: 2048, ...FAST2 },
  },
  ...pair('combination 1', '-mode fast -datashard 5 -parityshard 5', { ...FAST, datashard: 5, parityshard: 5 }),
  ...pair('combination 2', '-mode fast2 -datashard 10 -parityshard 3', { ...FAST2, datashard: 10, parityshard: 3 }),
  ...pair('combination 3', '-mode fast2 -datashard 0 -parityshard 0', { ...FAST2, datashard: 0, parityshard: 0 }),
  // Modes, and the manual one.
  ...pair('modes', '-mode fast3 -ds 10 -ps 3', { ...FAST3, datashard: 10, parityshard: 3 }),
  ...pair('modes', '-mode normal', NORMAL),
  ...pair('modes of May 2016', '--mode default', DEFAULT),
  ...pair('manual mode', '-mode manual -nodelay 1 -resend 2 -nc 1 -interval 20', {
    mode: 'manual',
    nodelay: 1,
    interval: 20,
    resend: 2,
    nc: 1,
  }),
  ...pair('manual mode', '-mode manual -nodelay 1 -interval 20 -resend 2 -nc 1', {
    mode: 'manual',
    nodelay: 1,
    interval: 20,
    resend: 2,
    nc: 1,
  }),
  // The chapters of the tuning guide.
  {
    from: 'head-of-line blocking',
    side: 'client',
    line: '-r server_ip:4000 -l :8388 -smuxver 2 -smuxbuf 8388608 -streambuf 2097152',
    means: { smuxver: 2, smuxbuf: 8_388_608, streambuf: 2_097_152 },
  },
  { from: 'several ports', side: 'client', line: '-r SERVER_IP:3000-4000', means: { remoteaddr: 'SERVER_IP:3000-4000' } },
  { from: 'several ports', side: 'server', line: '-l :3000-4000', means: { listen: ':3000-4000' } },
  ...pair('pacing', '--ratelimit 1048576', { ratelimit: 1_048_576 }),
  ...pair('no error correction', '--parityshard 0', { datashard: 10, parityshard: 0 }),
  ...pair('DSCP', '-dscp 46', { dscp: 46 }),
  ...pair('slow devices', '-crypt salsa20 -datashard 0 -parityshard 0', { crypt: 'salsa20', datashard: 0, parityshard: 0 }),
  ...pair('least encryption', '-crypt aes-128', { crypt: 'aes-128' }),
  ...pair('authenticated encryption', '-crypt aes-128-gcm', { crypt: 'aes-128-gcm' }),
  ...pair('no encryption', '-crypt none', { crypt: 'none' }),
  ...pair('nothing at all', '-crypt null', { crypt: 'null' }),
  ...pair('QPP', '--QPP --QPPCount 61', { QPP: true, QPPCount: 61 }),
  ...pair('compression', '-nocomp', { nocomp: true }),
  ...pair('socket buffer', '-sockbuf 16777217', { sockbuf: 16_777_217 }),
];
