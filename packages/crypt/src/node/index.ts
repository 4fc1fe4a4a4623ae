/** The packet ciphers of this machine: OpenSSL of the running Node where it helps, portable code elsewhere. */
export { fillRandom } from './kernel-random.ts';
export { deriveKeyAsync } from './key.ts';
/** The FFI binding of this package, for the packages that call the system through it. */
export {
  type CFunction,
  foreignRuntime,
  type Koffi,
  type KoffiEvents,
  type KoffiLibrary,
  type KoffiPoll,
  koffiPackage,
  loadKoffi,
} from './native/koffi.ts';
export { createNodePacketCrypt, type NodePacketCryptOptions } from './select.ts';
