/** Tests against the Go programs: finding the peers, planning the cases, running tunnels made of two programs. */
export { type CapturedPacket, type CapturedSegment, parseCapture } from './capture.ts';
export { type ExchangeSizes, flagsFor, type Settings, type Slot, sizesFor, USUAL_SETTINGS } from './case.ts';
export { type CoveringOptions, coveringArray, type Dimensions, uncoveredPairs } from './covering-array.ts';
export { type Ends, type LossyResult, runLossy, runManyStreams, runShards } from './dedicated.ts';
export { Lanes } from './lanes.ts';
export { type End, NetworkPair, namespacesMissing, poll } from './network-pair.ts';
export { CASE_DIMENSIONS, isAllowed, type PlannedCase, planCases, shortPlan, titleOf } from './plan.ts';
export { findPrograms, type Kind, type Programs, type Role } from './programs.ts';
export {
  allRoaming,
  type Direction,
  planRoaming,
  ROAMING_CIPHERS,
  type RoamingCase,
  runRebound,
  runRoaming,
} from './roaming.ts';
export { runCase } from './run-case.ts';
export { findRuntime, type Runtime, type RuntimeName } from './runtimes.ts';
export { parseSnmp, readSnmp } from './snmp.ts';
export { startTunnel, Tunnel, type TunnelOptions } from './tunnel.ts';
