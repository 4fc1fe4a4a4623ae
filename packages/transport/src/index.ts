/** KCP over UDP for Node: dialer, listener, the Host interface and KcpConnection as a Duplex. */
export { addressGroup, formatAddress, type PortRangeAddress, parsePortRange } from './address.ts';
export { ConnectionBudget } from './connection-budget.ts';
export { TransportError, type TransportErrorCode } from './errors.ts';
export {
  type BufferSizes,
  type ByteConnection,
  type ByteEvents,
  type ByteListener,
  type DatagramEvents,
  type DatagramOptions,
  type DatagramSocket,
  type Host,
  type HostTimer,
  MAX_READ,
  type SocketAddress,
  type StreamAddress,
} from './host.ts';
export { type DialOptions, dialKcp, type KcpListener, type KcpOptions, type ListenOptions, listenKcp } from './kcp.ts';
export { DEFAULT_DEAD_PEER_TIMEOUT, DEFAULT_IDLE_TIMEOUT, KcpConnection, type KcpConnectionOptions } from './kcp-connection.ts';
export { createNodeHost, type NodeHostOptions } from './node/host.ts';
export { sendUnixDatagram } from './node/native/unix-datagram.ts';
export { openFilesLimit } from './node/open-files.ts';
export { Scheduler, type Task } from './scheduler.ts';
export { type SessionOwner, UdpEndpoint, type UdpEndpointEvents, type UdpEndpointOptions } from './udp-endpoint.ts';
export { unixPathProblem } from './unix-path.ts';
