/** TunnelClient and TunnelServer: TCP and unix sockets carried over KCP, wire-compatible with kcptun. */
export {};
