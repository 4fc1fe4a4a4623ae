// Lanes: runs of blocks in CFB mode, several of which are worked on at a time. A ciphertext block waits for the one before, so
// sealing takes lanes of different packets; opening knows all ciphertext and cuts packets into lanes where there are few of them.
// A last partial block becomes a lane of one block in memory of its own.

/** Lanes that the work area has room for; as many as a batch has packets. */
export const LANES: usize = 96;
export const LANE_SIZE: usize = 48;
// Offsets in a lane: the next block, whole blocks left, the partial block behind them and its length, whether that is what is being
// worked on, the memory for it; and the block whose encryption is the next keystream, as it stands in the packet.
export const AT: usize = 0;
export const BLOCKS: usize = 4;
export const TAIL_AT: usize = 8;
export const TAIL: usize = 12;
export const STAGE: usize = 16;
export const SPARE: usize = 20;
export const FEEDBACK: usize = 32;

/**
 * Makes lanes of `count` packets (start and end as pairs of u32), at most `width` of a packet. Returns how many.
 * `shift` is the binary logarithm of the block size.
 */
export function makeLanes(packets: usize, count: usize, width: usize, shift: usize, iv: usize, lanes: usize): usize {
  const parts = min(width, LANES / count);
  let lane = lanes;
  for (let index: usize = 0; index < count; index++, packets += 8) {
    const start = <usize>load<u32>(packets);
    const length = <usize>load<u32>(packets, 4) - start;
    const blocks = length >> shift;
    let from: usize = 0;
    for (let part: usize = 1; part <= parts; part++) {
      const to = (blocks * part) / parts;
      const tail = part == parts ? length - (blocks << shift) : 0;
      if (to == from && tail == 0) continue;
      store<u32>(lane, start + (from << shift), AT);
      store<u32>(lane, to - from, BLOCKS);
      store<u32>(lane, start + (to << shift), TAIL_AT);
      store<u32>(lane, tail, TAIL);
      store<u32>(lane, 0, STAGE);
      store<u32>(lane, lanes + LANES * LANE_SIZE + (((lane - lanes) / LANE_SIZE) << 4), SPARE);
      v128.store(lane, v128.load(from == 0 ? iv : start + ((from - 1) << shift)), FEEDBACK);
      from = to;
      if (load<u32>(lane, BLOCKS) == 0) settle(lane);
      lane += LANE_SIZE;
    }
  }
  return (lane - lanes) / LANE_SIZE;
}

/** What comes after a lane's whole blocks: its partial block, and in the end 1. */
export function settle(lane: usize): i32 {
  const tail = load<u32>(lane, TAIL);
  const spare = load<u32>(lane, SPARE);
  if (load<u32>(lane, STAGE) == 1) {
    memory.copy(load<u32>(lane, TAIL_AT), spare, tail);
    return 1;
  }
  if (tail == 0) return 1;
  memory.copy(spare, load<u32>(lane, TAIL_AT), tail);
  store<u32>(lane, spare, AT);
  store<u32>(lane, 1, BLOCKS);
  store<u32>(lane, 1, STAGE);
  return 0;
}

/** The fewest whole blocks that any of the first `count` lanes has left. */
export function commonBlocks(lanes: usize, count: usize): u32 {
  let blocks = load<u32>(lanes, BLOCKS);
  for (let index: usize = 1; index < count; index++) blocks = min(blocks, load<u32>(lanes + index * LANE_SIZE, BLOCKS));
  return blocks;
}

/** Takes `blocks` off the first `count` of `used` lanes, and replaces those that are done by the last ones. Returns the lanes left. */
export function advance(lanes: usize, count: usize, used: usize, blocks: u32): usize {
  for (let lane = lanes + count * LANE_SIZE; lane > lanes; ) {
    lane -= LANE_SIZE;
    const left = load<u32>(lane, BLOCKS) - blocks;
    store<u32>(lane, left, BLOCKS);
    if (left != 0 || settle(lane) == 0) continue;
    used--;
    memory.copy(lane, lanes + used * LANE_SIZE, LANE_SIZE);
  }
  return used;
}
