/** The KCP ARQ state machine (wire-compatible with kcp-go v5 and C ikcp): pure TypeScript, no I/O, no clock. */
export {};
