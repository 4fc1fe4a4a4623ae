// How much parity a group should have. Parity costs its share of the line and saves round trips in
// which the window stands behind a hole. Where the window is wide a retransmission is cheaper; where
// the peer's window is the limit, parity fills it sooner. So: the k with the largest goodput,
//
//   min( line x ds/(ds+k) x (1 - left(k)),   window / (rtt x (1 + rounds(k))) )
//
// left(k) is the share of segments that k parity packets do not repair, rounds(k) how many more round
// trips it takes until all of a window has arrived.

/** Everything the choice depends on. */
export interface ParitySituation {
  /** Data shards of a group. */
  readonly dataShards: number;
  /** Most parity shards of a group. */
  readonly parityShards: number;
  /** Share of datagrams that the path loses, 0..1. */
  readonly loss: number;
  /** What the line takes, in datagrams per ms. */
  readonly line: number;
  /** The window in segments. */
  readonly window: number;
  /** Time in ms until a loss is known and sent again. */
  readonly rtt: number;
  /** Parity of today: another is chosen only if it is better by 3 %. */
  readonly current: number;
}

/** Rounds of retransmission that are looked at. */
const ROUNDS = 6;
const HYSTERESIS = 0.97;

/** Number of ways to choose `k` of `n`. */
export function choose(n: number, k: number): number {
  let ways = 1;
  for (let i = 0; i < k; i++) ways = (ways * (n - i)) / (i + 1);
  return ways;
}

/** The parity packets per group that give the largest goodput, 0 to `parityShards`. */
export function chooseParity(s: ParitySituation): number {
  const loss = Math.max(s.loss, 1e-5);
  const flight = Math.min(s.window, s.line * s.rtt);
  let best = 0;
  let bestGoodput = 0;
  for (let k = 0; k <= s.parityShards; k++) {
    const left = unrepaired(loss, s.dataShards, k);
    let rounds = 0;
    let missing = left;
    for (let round = 0; round < ROUNDS; round++) {
      rounds += 1 - (1 - missing) ** flight;
      // A retransmission that a narrow window waits for is sent twice.
      missing *= round > 0 && s.window < 3 * flight ? loss * loss : loss;
    }
    const line = ((s.line * s.dataShards) / (s.dataShards + k)) * (1 - left);
    let goodput = Math.min(line, s.window / (s.rtt * (1 + rounds)));
    if (k !== s.current) goodput *= HYSTERESIS;
    if (goodput > bestGoodput) {
      bestGoodput = goodput;
      best = k;
    }
  }
  return best;
}

/** Share of data packets that stay lost with k parity packets: lost, and k or more others of the group too. */
function unrepaired(loss: number, dataShards: number, k: number): number {
  if (k === 0) return loss;
  const others = dataShards + k - 1;
  let share = 0;
  for (let i = k; i <= others; i++) share += choose(others, i) * loss ** i * (1 - loss) ** (others - i);
  return share * loss;
}
