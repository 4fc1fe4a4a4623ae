/** The 15 packet ciphers of kcptun, their framing and key derivation, and QPP; batches of packets, selectable backends. */
export {};
