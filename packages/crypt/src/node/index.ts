/** The packet ciphers of this machine: OpenSSL of the running Node where it helps, portable code elsewhere. */
export { deriveKeyAsync } from './key.ts';
export { createNodePacketCrypt, type NodePacketCryptOptions } from './select.ts';
