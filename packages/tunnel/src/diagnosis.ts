// Names the setting that differs, where the first bytes of a stream give it away. Nothing is negotiated on this wire: both ends must be given
// the same --crypt, --key, --smuxver and --nocomp, and a mismatch otherwise shows as silence.

import type { SessionParameters } from '@kcptun/session';
import { SmuxError } from '@kcptun/smux';
import { TunnelError } from './errors.ts';

/** How many of the first bytes of a stream are looked at: the length of the snappy stream identifier. */
export const OPENING_LENGTH = 10;

const SNAPPY_IDENTIFIER = [0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59];

/**
 * Adds to a protocol error what the first bytes of the stream say about the peer's settings.
 * @param error - why the stream cannot be read
 * @param opening - its first bytes, up to {@link OPENING_LENGTH}
 * @param version - our smux version
 * @param compression - whether the stream is compressed here
 */
export function explainFailure(error: Error, opening: Uint8Array, version: number, compression: boolean): Error {
  const hint = findMismatch(error, opening, version, compression);
  return hint === undefined ? error : new TunnelError('KCPTUN_ERR_TUNNEL_CONFIG', `${error.message} (${hint})`, { cause: error });
}

/** What it means that the network (ICMP) says that nobody listens. */
export const REFUSED: string =
  'nobody listens there, says the network (ICMP): is the server running, at this address and port, and does no firewall refuse it?';

/**
 * What silence of the peer means.
 * @param heard - whether its KCP has answered, which it does only when it could decrypt what we sent
 */
export function explainSilence(heard: boolean): string {
  return heard
    ? 'the peer acknowledges our packets, but has sent nothing that can be read: are --smuxver and --nocomp the same at both ends?'
    : 'nothing comes back: is the server running, is UDP let through, are --key and --crypt the same at both ends?';
}

/**
 * What it means that the server does not know a session any more.
 * @param understood - whether a frame that makes sense has come in this session. If not, the server may
 *   have dropped it because our frames make no sense there: a Go server does so without a word.
 */
export function explainRestart(understood: boolean): string {
  return understood
    ? 'the server has started over'
    : 'the server does not know it any more, and has sent nothing in it that can be read: ' +
        'it has started over, or --smuxver or --nocomp is not the same at both ends';
}

/**
 * Why a session sends with other shard counts than it was told to.
 * @param dataShards - the peer's
 * @param parityShards - the peer's; 0: it sends no parity
 * @param own - what this end was told
 */
export function explainShards(dataShards: number, parityShards: number, own: SessionParameters): string {
  const [theirs, ours] = parityShards > 0 ? [`${dataShards}+${parityShards} shards`, 'so do we now'] : ['no parity', 'nor do we now'];
  const before = `${own.dataShards}+${own.parityShards}`;
  return `the peer sends ${theirs}: ${ours}, instead of ${before}, which an old peer would misread (--keep-shards: send ${before})`;
}

function findMismatch(error: Error, opening: Uint8Array, version: number, compression: boolean): string | undefined {
  const compressed = SNAPPY_IDENTIFIER.every((byte, index) => opening[index] === byte);
  if (compressed && !compression) return 'the peer compresses, this end does not: make --nocomp equal at both ends';
  if (!compressed && compression && looksLikeSmux(opening)) {
    return 'the peer does not compress, this end does: make --nocomp equal at both ends';
  }
  const seen = error instanceof SmuxError ? error.seenVersion : undefined;
  if ((seen !== 1 && seen !== 2) || seen === version) return undefined;
  return `the peer speaks smux version ${seen}, this end ${version}: make --smuxver equal at both ends`;
}

function looksLikeSmux(opening: Uint8Array): boolean {
  const [version, command] = opening;
  return (version === 1 || version === 2) && command !== undefined && command <= 4;
}
