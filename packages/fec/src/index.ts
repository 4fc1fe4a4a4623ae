/** Forward error correction for KCP packets: groups, parity, recovery and auto-tuning, as kcp-go does it. */
export {};
