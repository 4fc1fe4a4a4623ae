// Block ciphers in CFB mode over the packets of a batch. No static data: the key area holds the IV (16 bytes) and behind it the
// tables and round keys of the cipher, as the TypeScript side made them. Packets are changed within their length only.

import * as blowfish from './block/blowfish';
import * as cast5 from './block/cast5';
import { advance, commonBlocks, makeLanes } from './block/lanes';
import * as sm4 from './block/sm4';
import { tea, xtea } from './block/tea';
import * as tripleDes from './block/triple-des';
import * as twofish from './block/twofish';

const TEA = 0;
const XTEA = 1;
const BLOWFISH = 2;
const CAST5 = 3;
const TRIPLE_DES = 4;
const TWOFISH = 5;
const SM4 = 6;

/** How many lanes are worked on at a time: eight by SIMD; elsewhere four, or two where more words of a block than registers made it no faster. */
@inline function widthOf(cipher: i32): usize {
  return cipher <= XTEA ? 8 : cipher >= TWOFISH ? 2 : 4;
}

/** The next `blocks` blocks of `count` lanes: one lane or as many as the width says; by SIMD any number up to it. */
function run(cipher: i32, lanes: usize, count: usize, blocks: u32, tables: usize, mask: u64): void {
  switch (cipher) {
    case TEA:
      tea(lanes, count, blocks, tables, mask);
      break;
    case XTEA:
      xtea(lanes, count, blocks, tables, mask);
      break;
    case BLOWFISH:
      if (count == 1) blowfish.one(lanes, blocks, tables, mask);
      else blowfish.four(lanes, blocks, tables, mask);
      break;
    case CAST5:
      if (count == 1) cast5.one(lanes, blocks, tables, mask);
      else cast5.four(lanes, blocks, tables, mask);
      break;
    case TRIPLE_DES:
      if (count == 1) tripleDes.one(lanes, blocks, tables, mask);
      else tripleDes.four(lanes, blocks, tables, mask);
      break;
    case TWOFISH:
      if (count == 1) twofish.one(lanes, blocks, tables, mask);
      else twofish.two(lanes, blocks, tables, mask);
      break;
    case SM4:
      if (count == 1) sm4.one(lanes, blocks, tables, mask);
      else sm4.two(lanes, blocks, tables, mask);
      break;
  }
}

/**
 * Seals (`encrypting` 1) or opens (0) 1 to 96 packets in place, none of them empty. `packets` holds the start and end of each as pairs
 * of u32, `lanes` is work space of 6144 bytes.
 */
export function cfb(cipher: i32, encrypting: i32, packets: usize, count: usize, key: usize, lanes: usize): void {
  const width = widthOf(cipher);
  const mask: u64 = encrypting ? -1 : 0;
  let used = makeLanes(packets, count, encrypting ? 1 : width, cipher >= TWOFISH ? 4 : 3, key, lanes);
  while (used > 0) {
    const some = used >= width || cipher <= XTEA ? min(width, used) : 1;
    const blocks = commonBlocks(lanes, some);
    run(cipher, lanes, some, blocks, key + 16, mask);
    used = advance(lanes, some, used, blocks);
  }
}
