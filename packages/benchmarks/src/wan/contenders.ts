// What is compared over a long link: TCP by itself, and tunnels whose ends may be different programs.

/** One end of a tunnel. */
export interface TunnelEnd {
  /** As `tunnel-programs.ts` knows it. */
  readonly program: 'ours' | 'go';
  readonly flags: readonly string[];
}

/** One line of the comparison. */
export interface Contender {
  /** How it is named on the command line and in the results. */
  readonly name: string;
  /** Its text in tables and charts. */
  readonly title: string;
  /** Congestion control of TCP without a tunnel. */
  readonly tcp?: 'cubic' | 'bbr';
  readonly server?: TunnelEnd;
  readonly client?: TunnelEnd;
}

/** Windows and buffers beyond what the longest link holds. */
const LARGE_BUFFERS = ['--smuxbuf', '16777216', '--streambuf', '8388608'];
const TUNED = ['--mode', 'fast3', '--sndwnd', '4096', '--rcvwnd', '4096', ...LARGE_BUFFERS];

const auto: TunnelEnd = { program: 'ours', flags: ['--mode', 'auto'] };
const ours: TunnelEnd = { program: 'ours', flags: [] };
const oursFast3: TunnelEnd = { program: 'ours', flags: ['--mode', 'fast3'] };
const oursTuned: TunnelEnd = { program: 'ours', flags: TUNED };
/** Windows of a client: send 128, receive 512; of a server: 1024. */
const go: TunnelEnd = { program: 'go', flags: [] };
const goTuned: TunnelEnd = { program: 'go', flags: TUNED };
const goReceiver: TunnelEnd = { program: 'go', flags: ['--rcvwnd', '4096', ...LARGE_BUFFERS] };

/** All that can be compared. `sender>receiver` names the server before the client. */
export const CONTENDERS: readonly Contender[] = [
  { name: 'auto', title: 'auto', server: auto, client: auto },
  { name: 'auto>go', title: 'auto to Go, rcvwnd 4096', server: auto, client: goReceiver },
  { name: 'auto>go-default', title: 'auto to Go defaults', server: auto, client: go },
  { name: 'go-default', title: 'Go defaults', server: go, client: go },
  { name: 'go', title: 'Go tuned', server: goTuned, client: goTuned },
  { name: 'go-default>auto', title: 'Go defaults to auto', server: go, client: auto },
  { name: 'go>auto', title: 'Go tuned to auto', server: goTuned, client: auto },
  { name: 'ours', title: 'our defaults', server: ours, client: ours },
  { name: 'ours-fast3', title: 'our fast3', server: oursFast3, client: oursFast3 },
  { name: 'ours-tuned', title: 'our tuned', server: oursTuned, client: oursTuned },
  { name: 'cubic', title: 'TCP cubic', tcp: 'cubic' },
  { name: 'bbr', title: 'TCP BBR', tcp: 'bbr' },
];

/** Looks a contender up. @throws {RangeError} naming the unknown one and those that there are */
export function findContender(name: string): Contender {
  const found = CONTENDERS.find((contender) => contender.name === name);
  if (found !== undefined) return found;
  throw new RangeError(`no contender ${name}; there are ${CONTENDERS.map((each) => each.name).join(', ')}`);
}
