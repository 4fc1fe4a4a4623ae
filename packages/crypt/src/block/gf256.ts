// Multiplication in GF(2^8) for the tables of SM4 and Twofish, each with a field polynomial of its own.

/** The product of two bytes modulo `polynomial`, which has bit 8 set. */
export function multiply(a: number, b: number, polynomial: number): number {
  let product = 0;
  for (let i = 7; i >= 0; i--) {
    product <<= 1;
    if (product & 0x100) product ^= polynomial;
    if ((b >>> i) & 1) product ^= a;
  }
  return product;
}
