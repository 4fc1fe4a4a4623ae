/** Portable block ciphers in CFB mode with kcptun's fixed IV. */
export { blowfish } from './blowfish.ts';
export { cast5 } from './cast5.ts';
export type { CfbCipher, TableCipher } from './cfb-cipher.ts';
export { sm4 } from './sm4.ts';
export { tea } from './tea.ts';
export { tripleDes } from './triple-des.ts';
export { twofish } from './twofish.ts';
export { xtea } from './xtea.ts';
