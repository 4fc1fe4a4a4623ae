// Snappy: the chunks of a stream, cut anywhere; and single blocks, on which both codecs must agree.

import {
  type BlockCodec,
  createBlockCodec,
  IDENTIFIER,
  MAX_BLOCK,
  MAX_CHUNK,
  SnappyDecoder,
  SnappyEncoder,
  TypescriptBlockCodec,
} from '@kcptun/comp';
import { FuzzInput } from '../input.ts';
import { type FuzzTarget, insist } from '../target.ts';

const typescript: BlockCodec = new TypescriptBlockCodec();
const kernel: BlockCodec = createBlockCodec();
const roomOne = new Uint8Array(MAX_BLOCK);
const roomTwo = new Uint8Array(MAX_BLOCK);

function runStream(bytes: Uint8Array): void {
  const input = new FuzzInput(bytes);
  const decoder = new SnappyDecoder({ codec: input.u8() % 2 === 0 ? typescript : kernel });
  while (input.left > 0) {
    let piece = input.bytes(1 + input.u8() * 8);
    while (piece.length > 0 || decoder.outputLength > 0) {
      const taken = decoder.handleData(piece, 0, piece.length);
      insist(taken >= 0 && taken <= piece.length, 'handleData takes between nothing and everything');
      insist(taken > 0 || piece.length === 0 || decoder.outputLength > 0, 'something is taken unless decoded bytes wait');
      piece = piece.subarray(taken);
      insist(decoder.outputLength <= MAX_BLOCK, 'at most a block waits');
      decoder.consumed(Math.min(decoder.outputLength, 1 + (taken % 977)));
    }
  }
}

/** A block of any origin: both codecs say the same about it, and what they make of it survives the way there and back. */
function runBlock(bytes: Uint8Array): void {
  const lengths = [
    [typescript, roomOne],
    [kernel, roomTwo],
  ] as const;
  const [one, two] = lengths.map(([codec, room]) => codec.uncompress(bytes, 0, bytes.length, room, 0, room.length));
  insist(one === two, `both codecs give the same length: ${one} and ${two}`);
  insist(
    one === undefined || one < 0 || Buffer.compare(roomOne.subarray(0, one), roomTwo.subarray(0, two)) === 0,
    'both codecs give the same bytes',
  );
  insist(typescript.crc32c(bytes, 0, bytes.length) === kernel.crc32c(bytes, 0, bytes.length), 'both codecs give the same checksum');
  for (const codec of [typescript, kernel]) roundTrip(codec, bytes);
}

function roundTrip(codec: BlockCodec, bytes: Uint8Array): void {
  const packed: number[] = [];
  const sink = {
    room: () => MAX_CHUNK,
    write: (from: Uint8Array, offset: number, length: number) => packed.push(...from.subarray(offset, offset + length)),
  };
  if (bytes.length === 0) return;
  new SnappyEncoder({ codec }).write(sink, bytes, bytes.length, undefined, 0, 0);
  const decoder = new SnappyDecoder({ codec: codec === kernel ? typescript : kernel });
  const stream = Uint8Array.from(packed);
  let at = 0;
  let seen = 0;
  while (at < stream.length || decoder.outputLength > 0) {
    at += decoder.handleData(stream, at, stream.length - at);
    insist(decoder.error === undefined, 'our own stream can be read');
    const output = decoder.outputBytes.subarray(decoder.outputOffset, decoder.outputOffset + decoder.outputLength);
    insist(Buffer.compare(output, bytes.subarray(seen, seen + output.length)) === 0, 'our own stream gives the bytes back');
    seen += output.length;
    decoder.consumed(output.length);
  }
  insist(seen === bytes.length, 'our own stream is complete');
}

/** A whole stream. */
export const snappyTarget: FuzzTarget = {
  name: 'snappy-stream',
  maxLength: 1024,
  share: 1,
  seeds: [
    Uint8Array.of(0, 8, ...IDENTIFIER, 1, 5, 0, 0, 0, 0, 0, 0, 7),
    Uint8Array.of(1, 1, ...IDENTIFIER, 0, 12, 0, 0, 1, 2, 3, 4, 5, 0x10, 1, 2, 3, 4, 5),
    Uint8Array.of(1, 200, ...IDENTIFIER, 0x80, 2, 0, 0, 9, 9, ...IDENTIFIER, 0x02, 0, 0, 0),
  ],
  run: runStream,
};

/** A single block. */
export const snappyBlockTarget: FuzzTarget = {
  name: 'snappy-block',
  maxLength: 512,
  share: 1,
  seeds: [
    Uint8Array.of(5, 0x10, 1, 2, 3, 4, 5),
    Uint8Array.of(20, 0x04, 1, 2, 0x09, 1, 0x26, 2, 0),
    Uint8Array.of(0x80, 0x80, 4, 0xf4, 0xff, 0xff),
    Uint8Array.from({ length: 300 }, (_, index) => (index % 60 < 40 ? index % 7 : index)),
  ],
  run: runBlock,
};
