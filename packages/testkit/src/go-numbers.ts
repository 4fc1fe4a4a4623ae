// What the Go program of 2026 makes of each number, option by option: found by trying, with one of
// its clients and one of its servers. An interop test tries again; a test of cli compares ours.

/** One value of a numeric option. */
export interface GoNumber {
  readonly value: number;
  /** What is used; without it the value is refused, or ends every session. */
  readonly used?: number;
  /** Flags that the value is given together with. */
  readonly flags?: readonly string[];
  /**
   * What the Go programs do where it is not what we do: they take what we refuse (`takes`), or
   * nothing is over in time although they take it (`stalls`).
   */
  readonly go?: 'takes' | 'stalls';
}

const MOST = 0x7fff_ffff;
const HUGE = 99_999_999_999;

const taken = (value: number, used: number = value): GoNumber => ({ value, used });
const refused = (value: number): GoNumber => ({ value });
const withFlags = (flags: readonly string[], rows: readonly GoNumber[]): GoNumber[] => rows.map((row) => ({ ...row, flags }));
const stalls = (row: GoNumber): GoNumber => ({ ...row, go: 'stalls' });

const WINDOW = [taken(-1, 32), taken(0, 32), stalls(taken(1)), taken(65_535)];
const SHARDS = [taken(-1, 0), taken(0)];
const BUFFER = [refused(-1), refused(0), refused(MOST + 1), refused(HUGE)];

/** By option: values below, at and above each bound. */
export const GO_NUMBERS: Readonly<Record<string, readonly GoNumber[]>> = {
  // Its 16 bits are what counts.
  conn: [refused(-1), refused(0), taken(1), taken(65_535), refused(65_536), taken(65_537, 1)],
  autoexpire: [taken(-1, 0), taken(0), taken(MOST), taken(MOST + 1, MOST), taken(HUGE, MOST)],
  scavengettl: [taken(-2, -1), taken(-1), taken(0), taken(MOST), taken(MOST + 1, MOST)],
  mtu: [
    ...[taken(-1, 1400), taken(0, 1400), taken(24, 1400), taken(25, 1400), taken(52, 1400), stalls(taken(53))],
    ...[taken(1500), taken(1501, 1500), taken(9200, 1500), taken(HUGE, 1500)],
    ...withFlags(['--crypt=null', '--datashard=0'], [taken(24, 1400), stalls(taken(25))]),
    ...withFlags(['--crypt=aes-128-gcm'], [taken(60, 1400), stalls(taken(61))]),
  ],
  ratelimit: [taken(-1, 0), taken(0), taken(1_000_000), taken(MOST), taken(MOST + 1, MOST), taken(4_294_967_296, MOST)],
  sndwnd: [...WINDOW, taken(65_536, 65_535), taken(100_000, 65_535)],
  // 65536 says in 16 bits that nothing may be sent.
  rcvwnd: [...WINDOW, stalls(taken(65_536, 65_535)), taken(100_000, 65_535)],
  datashard: [
    ...[
      ...SHARDS,
      taken(253),
      { value: 254, go: 'takes' } as const,
      { value: 256, go: 'takes' } as const,
      { value: 300, go: 'takes' } as const,
    ],
    ...withFlags(['--parityshard=1'], [taken(255)]),
    ...withFlags(['--parityshard=0'], [taken(255), taken(256, 10), taken(300, 10)]),
  ],
  parityshard: [
    ...[...SHARDS, taken(246), { value: 247, go: 'takes' } as const, { value: 256, go: 'takes' } as const],
    ...withFlags(['--datashard=1'], [taken(255)]),
    ...withFlags(['--datashard=-1'], [taken(255), taken(256, 3), taken(300, 3)]),
  ],
  // What IPv4 packets have: the number is shifted into the eight bits of TOS.
  dscp: [taken(-1, 63), taken(0), taken(63), taken(64, 0), taken(184, 56), taken(255, 63), taken(256, 0)],
  nodelay: [
    ...withFlags(['--mode=manual'], [taken(-1, 0), taken(0), taken(1), taken(2, 1)]),
    ...withFlags(['--mode=fast'], [taken(-1, 0), taken(2, 0)]),
  ],
  interval: [
    ...withFlags(['--mode=manual'], [taken(-1, 100), taken(0, 10), taken(1, 10), taken(5, 10), taken(9, 10), taken(10)]),
    ...withFlags(['--mode=manual'], [stalls(taken(5000)), stalls(taken(5001, 5000))]),
    ...withFlags(['--mode=fast'], [taken(-1, 30), taken(0, 30), taken(5, 30), taken(6000, 30)]),
  ],
  resend: [
    ...withFlags(['--mode=manual'], [taken(-1, 0), taken(0), taken(65_535), taken(65_536, 65_535)]),
    ...withFlags(['--mode=fast3'], [taken(-1, 2), taken(65_536, 2)]),
  ],
  nc: [
    ...withFlags(['--mode=manual'], [taken(-1, 0), taken(0), taken(1), taken(2, 1)]),
    ...withFlags(['--mode=normal'], [taken(-1, 1), taken(2, 1)]),
  ],
  // Theirs ask the kernel for 0 bytes and get the least it has, through which nothing comes.
  sockbuf: [taken(-1, 4_194_304), stalls(taken(0, 4_194_304)), stalls(taken(1)), taken(MOST), taken(MOST + 1, MOST)],
  smuxver: [refused(-1), refused(0), taken(1), taken(2), refused(3)],
  smuxbuf: [...[...BUFFER, refused(2_097_151), taken(2_097_152), taken(MOST)], ...withFlags(['--streambuf=1'], [stalls(taken(1))])],
  framesize: [refused(-1), refused(0), stalls(taken(1)), taken(65_535), refused(65_536)],
  streambuf: [...[...BUFFER, stalls(taken(1)), taken(4_194_304), refused(4_194_305)], ...withFlags([`--smuxbuf=${MOST}`], [taken(MOST)])],
  keepalive: [refused(-1), refused(0), taken(1), taken(30), refused(31)],
  // The end of a connection that is kept back for ever cannot be waited for.
  closewait: [taken(-1, 0), taken(0), stalls(taken(MOST)), stalls(taken(MOST + 1, MOST))],
  snmpperiod: [taken(-1, 0), taken(0), taken(2_147_483), taken(2_147_484, 2_147_483)],
  QPPCount: [
    ...[taken(-1, 61), taken(0, 61), taken(65_536, 61)],
    ...withFlags(['--QPP'], [refused(-1), refused(0), taken(1), stalls(taken(65_535)), refused(65_536), taken(65_537, 1)]),
  ],
};
