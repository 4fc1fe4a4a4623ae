/** The 15 packet ciphers of kcptun, their framing and key derivation, and QPP; batches of packets, selectable backends. */
export { createPacketCrypt } from './create.ts';
export { CryptError, type CryptErrorCode } from './errors.ts';
export { checkPassword, deriveKey } from './key.ts';
export {
  CRYPT_METHODS,
  type CryptMethod,
  type Integrity,
  nonceOffsetOf,
  repeatsAfter,
  resolveCryptMethod,
  type TrafficBound,
} from './methods.ts';
export type { PacketCrypt, PacketCryptOptions } from './packet-crypt.ts';
export {
  QPP_MAX_PADS,
  type QppGeneration,
  QppPads,
  QppStream,
  qppKeyWarnings,
  qppMinimumKeyLength,
} from './qpp/index.ts';
