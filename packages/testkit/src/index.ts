/** Virtual clock, seeded network, random numbers and byte helpers for the tests of all packages. */
export { Bottleneck, type BottleneckOptions } from './bottleneck.ts';
export { checkPattern, fillPattern, fromHex, patternBytes, toHex } from './bytes.ts';
export { Capacity, type CapacityStep } from './capacity.ts';
export { GO_NUMBERS, type GoNumber } from './go-numbers.ts';
export { findLeaks, installPoolChecks, type ShardSlots, takeFaults } from './pool-checks.ts';
export { median, quantile } from './quantile.ts';
export { Random } from './random.ts';
export { createSimPair, SimConnection, type SimConnectionOptions } from './sim-connection.ts';
export { type DatagramTap, SimHost, SimWorld, type SimWorldOptions } from './sim-host.ts';
export { type Deliver, type Fate, type LinkStats, SimLink } from './sim-link.ts';
export { type NodeOfPath, type ReceiveBatch, type ReceiveDatagram, SimNetwork, type SimNetworkOptions } from './sim-network.ts';
export type { SimProcess, SimTimer } from './sim-process.ts';
export { createTestMemory } from './test-memory.ts';
export { fitTrend, type Trend } from './trend.ts';
export { VirtualClock, type VirtualTimer } from './virtual-clock.ts';
