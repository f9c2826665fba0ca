/**
 * Actions of a drill on a cluster, one kind each: faults, their healing, and orders of an operator.
 * Which of them a target can do depends on where the cluster runs; see DrillTarget.
 */
import type { NodeFault } from '../../ports/break-node.ts';

/** Every fault with its parameters. Its entry in table.ts says the rest. */
export type Fault =
  // The process of a node.
  /** SIGKILL: what the process wrote stays in the page cache, and so is there after a restart. */
  | { readonly kind: 'kill'; readonly node: string }
  /** SIGTERM, and it has ended. */
  | { readonly kind: 'stop'; readonly node: string }
  | { readonly kind: 'start'; readonly node: string }
  /** SIGSTOP and SIGCONT, or what the target has for it. */
  | { readonly kind: 'pause'; readonly node: string }
  | { readonly kind: 'resume'; readonly node: string }
  /** All of them at once lose what was not fsynced, names in directories included, and die. */
  | { readonly kind: 'power-cut'; readonly nodes: readonly string[] }
  /** A fault that the node brings about in itself, or ends. */
  | (Exclude<NodeFault, { readonly kind: 'power-cut' }> & { readonly node: string })
  // Clients that the drill has.
  /**
   * Connects so many clients to the node. They send nothing; with `unfinished` each begins a request and never ends it.
   * They take the place of those that were there, and come again where the node closes their connections.
   */
  | {
      readonly kind: 'idle-clients';
      readonly node: string;
      readonly count: number;
      readonly unfinished: boolean;
    }
  /** The idle clients leave. */
  | { readonly kind: 'clients-leave'; readonly node: string }
  // Open files of the process of a node.
  /** The node can open no file and accept no connection until `heal-descriptors`, or until its next start. */
  | { readonly kind: 'no-descriptors'; readonly node: string }
  | { readonly kind: 'heal-descriptors'; readonly node: string }
  // Connections between nodes; clients reach every node all the time.
  /** Stops all messages from `from` to `to`, whichever side opened the connection; the other direction still works. */
  | { readonly kind: 'cut'; readonly from: string; readonly to: string }
  /** Stops all messages between `node` and every other node, in both directions. */
  | { readonly kind: 'isolate'; readonly node: string }
  /** Nodes of one group reach each other, and none of another group. It takes the place of every cut, isolation and partition before it, at one moment. */
  | { readonly kind: 'partition'; readonly groups: readonly (readonly string[])[] }
  /** Delays every message from `from` to `to`. */
  | {
      readonly kind: 'delay';
      readonly from: string;
      readonly to: string;
      readonly ms: number;
      readonly jitterMs: number;
    }
  /** Loses a share of the segments, 0 to 1, as TCP shows it: each arrives a retransmission later. */
  | { readonly kind: 'loss'; readonly from: string; readonly to: string; readonly share: number }
  | {
      readonly kind: 'bandwidth';
      readonly from: string;
      readonly to: string;
      readonly bytesPerSecond: number;
    }
  /** Every open connection between the two is reset; new ones are not hindered. */
  | { readonly kind: 'reset'; readonly from: string; readonly to: string }
  /** All of the network is as it should be. */
  | { readonly kind: 'heal-network' }
  // Files of a node that is down.
  /** One bit, in a place that the seed chooses. */
  | {
      readonly kind: 'flip-bit';
      readonly node: string;
      readonly where: 'sealed-segment' | 'last-segment' | 'snapshot' | 'meta';
    }
  /** Leaves a piece of an unacknowledged batch after the last one, as power loss does. */
  | { readonly kind: 'torn-tail'; readonly node: string }
  | {
      readonly kind: 'lose-segment';
      readonly node: string;
      readonly which: 'first' | 'middle' | 'last';
    }
  | { readonly kind: 'lose-snapshots'; readonly node: string }
  /** The data directory is empty. */
  | { readonly kind: 'wipe'; readonly node: string }
  | { readonly kind: 'back-up'; readonly node: string }
  /** Replaces the data directory by the last backup. `keepMeta` keeps the present meta.json. */
  | { readonly kind: 'restore'; readonly node: string; readonly keepMeta: boolean };

export type FaultKind = Fault['kind'];
export type FaultOf<K extends FaultKind> = Extract<Fault, { readonly kind: K }>;

/** A request of an operator, over HTTP, and the answer that it must get; `any` accepts every answer. */
export type OperatorAction =
  /** Is it healthy and ready, and what does it say of itself: what health checks and people ask for. */
  (
    | { readonly kind: 'probe'; readonly node: string }
    /** A page of the keys that it holds, as it is, without the others; a page of none is no answer. */
    | { readonly kind: 'read'; readonly node: string }
    | { readonly kind: 'promote'; readonly node: string }
    | { readonly kind: 'switchover'; readonly to: string; readonly timeoutMs: number }
    | { readonly kind: 'failover'; readonly node: string; readonly acceptDataLoss: boolean }
    | { readonly kind: 'rejoin'; readonly node: string; readonly discard: boolean }
    | { readonly kind: 'snapshot'; readonly node: string }
  ) &
    Expected;

/** Expected result of an order. */
export interface Expected {
  readonly expect: 'done' | 'refused' | 'any';
  /** Reason that the refusal has to give; without one, its code. Undefined: any. */
  readonly reason?: string | undefined;
}
