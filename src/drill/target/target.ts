/** Target of a drill: a cluster that can be started, broken by real means, and observed. */
import type { Fault, FaultKind } from '../faults/fault.ts';

export interface TargetNode {
  readonly nodeId: string;
  /** URL, `http://host:port`: a direct address, not one that the network faults affect. */
  readonly url: string;
}

/** Start options of the nodes; the same for all. */
export interface ClusterShape {
  readonly nodes: number;
  readonly quorum: number;
  readonly failover: 'manual' | 'auto';
  /** Number of leaderships in their logs, without other records; none: empty directories. */
  readonly leaderships?: number;
  /** Other options of `serve` by field name, as in a configuration file: `{ segmentBytes: 65536 }`. */
  readonly options: Readonly<Record<string, string | number | boolean>>;
}

export interface DrillTarget {
  readonly kind: 'local' | 'compose';
  /** Nodes, known once `start` resolved; in the order n1, n2, …. */
  readonly nodes: readonly TargetNode[];
  /** Kinds of faults that it can apply; others are refused before the drill begins. */
  readonly can: ReadonlySet<FaultKind>;
  /** Starts every node with an empty data directory, or one that `shape` describes; resolves when all of them are ready, rejects when `signal` aborts. */
  start(shape: ClusterShape, signal: AbortSignal): Promise<void>;
  /**
   * Applies a fault; resolves when it is done: a killed process is gone, a started one is spawned (it may not be ready yet). Returns a description of the damage,
   * where the fault leaves that open.
   * @throws WalshipError DRILL_FAILED where it could not be done.
   */
  apply(fault: Fault): Promise<string | undefined>;
  /** Returns true if the process of a node runs, paused or not. */
  isUp(nodeId: string): boolean;
  /**
   * Returns the node's data directory on this machine, readable once the node is down, or undefined if it cannot be
   * read.
   */
  dataDir(nodeId: string): Promise<string | undefined>;
  /** Returns the last lines of the node's output, over all runs. */
  output(nodeId: string): Promise<string>;
  /** Ends everything that it started and removes what it made. Idempotent. */
  close(): Promise<void>;
}
