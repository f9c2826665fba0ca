/** Where a drill takes place: a cluster that can be started, broken by real means, and looked at. */
import type { Fault, FaultKind } from '../faults/fault.ts';

export interface TargetNode {
  readonly nodeId: string;
  /** `http://host:port`, reached directly and not through what breaks the network between nodes. */
  readonly url: string;
}

/** What the nodes are started with; the same for all. */
export interface ClusterShape {
  readonly nodes: number;
  readonly quorum: number;
  readonly failover: 'manual' | 'auto';
  /** With so many leaderships in their logs, and nothing else; none: with empty directories. */
  readonly leaderships?: number;
  /** Other options of `serve` by field name, as in a configuration file: `{ segmentBytes: 65536 }`. */
  readonly options: Readonly<Record<string, string | number | boolean>>;
}

export interface DrillTarget {
  readonly kind: 'local' | 'compose';
  /** Known once `start` resolved; in the order n1, n2, …. */
  readonly nodes: readonly TargetNode[];
  /** What it can do; the rest is refused before the drill begins. */
  readonly can: ReadonlySet<FaultKind>;
  /** Starts every node with an empty data directory, or one that `shape` describes; resolves when all of them are ready, rejects when `signal` aborts. */
  start(shape: ClusterShape, signal: AbortSignal): Promise<void>;
  /**
   * Resolves when it is done: a killed process is gone, a started one is spawned (it may not be ready yet). Says what exactly was damaged,
   * where the fault leaves that open.
   * @throws WalshipError DRILL_FAILED where it could not be done.
   */
  apply(fault: Fault): Promise<string | undefined>;
  /** Whether the process of a node runs, paused or not. */
  isUp(nodeId: string): boolean;
  /** The node's data directory on this machine, readable once the node is down, or undefined where it cannot be read. */
  dataDir(nodeId: string): Promise<string | undefined>;
  /** The last lines that the node printed, of all its lives. */
  output(nodeId: string): Promise<string>;
  /** Ends everything that it started and removes what it made. Idempotent. */
  close(): Promise<void>;
}
