/** KCP over UDP for Node: dialer, listener, the Host interface and KcpConnection as a Duplex. */
export {};
