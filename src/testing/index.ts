/**
 * Test tools of walship, for programs that embed it: `walship/testing`. Machines, disks, networks and clocks that
 * lose power, tear writes, split and stop under the control of a seed, and the checkers that judge the result.
 * Nothing here is meant for production.
 */
export { simulate, SimWorld } from '../sim/sim-world.ts';
export type { SimRunLimits } from '../sim/sim-world.ts';
export { SimClock, SimProcess } from '../sim/sim-clock.ts';
export { SeededEntropy as SimEntropy } from '../ports/seeded-entropy.ts';
export { SimDisk } from '../sim/sim-disk.ts';
export type { DiskLatency, SimDiskOptions } from '../sim/sim-disk.ts';
export { describeDiskOperation as describeOperation } from '../sim/sim-fault.ts';
export type { DiskFault, DiskOperation, DiskOperationKind } from '../sim/sim-fault.ts';
export { SimNetwork } from '../sim/sim-network.ts';
export type { SimNetworkOptions } from '../sim/sim-network.ts';
export { SimMachine } from '../sim/sim-machine.ts';
export type { MachineOptions, NodeFactory, NodeParts, Retention } from '../sim/sim-machine.ts';
export { judgeHistory, runSeed, SimCluster, SimOperator } from '../sim/sim-cluster.ts';
export type { ClusterOptions, RunSummary } from '../sim/sim-cluster.ts';
export { openSimNode } from '../sim/open-node.ts';
export { ClusterChecker } from '../sim/cluster-checker.ts';
export type { CheckedMachine, ClientWrite } from '../sim/cluster-checker.ts';
export { SimViolation } from '../sim/golden-log.ts';
export { History } from '../check/history.ts';
export type * from '../check/history.ts';
export { judgeLinearizable } from '../check/linearizability.ts';
export type { JudgeOptions, Judgement } from '../check/linearizability.ts';
export { judgeLocalReads } from '../check/local-reads.ts';
export type { LocalViolation } from '../check/local-reads.ts';
