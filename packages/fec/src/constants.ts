// The wire layout of a FEC packet (PROTOCOL fec §1), inside the encryption:
//
//   0        4      6      8
//   | seqid  | type | size | KCP packet ...          data:   size = 2 + length of the KCP packet
//   | seqid  | type | parity shard ...               parity: as long as the longest shard of its group
//                   ^ the shard that takes part in the coding starts here

import { MAX_DATAGRAM } from '@kcptun/common';

/** Bytes in front of a KCP packet: seqid, type and size. */
export const FEC_HEADER_SIZE = 8;
/** Type of a packet that carries a KCP packet. */
export const FEC_TYPE_DATA = 0xf1;
/** Type of a packet that carries a parity shard. */
export const FEC_TYPE_PARITY = 0xf2;
/** Type of a packet outside of all groups: newer kcp-go programs know it, kcptun never sends it. */
export const FEC_TYPE_OOB = 0xf3;
/** Where the shard starts in a packet. */
export const SHARD_OFFSET = 6;
/** The largest shard in bytes; packets with longer ones are dropped. */
export const MAX_SHARD_SIZE: number = MAX_DATAGRAM - SHARD_OFFSET;
/** A group whose last data packets are this far apart gets no parity, in ms (PROTOCOL fec §3). */
export const SKIP_PARITY_MS = 500;
