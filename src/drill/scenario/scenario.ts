/** Steps of a drill and their times: data, read from a file in `drills/`. */
import type { Fault, OperatorAction } from '../faults/fault.ts';
import type { ClusterShape } from '../target/target.ts';

/**
 * Name of nodes at the time of the step: an id (`n1`), a name given by `as`, a role (`leader`, `follower`, `newest`, `other`) or a set
 * (`all`, `followers`, `up`, `down`). See names.ts.
 */
export type NodeName = string;

type Unresolved<A> = A extends unknown
  ? {
      readonly [K in keyof A]: K extends 'node' | 'nodes' | 'from' | 'to'
        ? readonly NodeName[]
        : K extends 'groups'
          ? readonly (readonly NodeName[])[]
          : A[K];
    }
  : never;

/** A fault or an order of an operator, with names in place of node ids. Of several nodes each one is meant, of links each one between two different nodes. */
export type Action = Unresolved<Fault | OperatorAction>;

/** Something to wait for, within a bound, before the next step. */
export type Await =
  /** A node leads, and has committed something since the step began. */
  | { readonly kind: 'commits' }
  | { readonly kind: 'ready'; readonly node: readonly NodeName[] }
  | { readonly kind: 'leads'; readonly node: readonly NodeName[] }
  /** The node runs, and does not believe that it leads. */
  | { readonly kind: 'steps-down'; readonly node: readonly NodeName[] }
  /** The process has ended on its own, with `code` in its last output. */
  | { readonly kind: 'refused'; readonly node: readonly NodeName[]; readonly code: string }
  | { readonly kind: 'down'; readonly node: readonly NodeName[] }
  /**
   * The status gives this code, and a sentence with these words, as a warning or as the reason of something that
   * waits, is refused or takes a detour.
   */
  | {
      readonly kind: 'says';
      readonly node: readonly NodeName[];
      readonly code: string;
      readonly words: string;
    }
  /** Acknowledged writes since the step began. */
  | { readonly kind: 'writes'; readonly count: number }
  /** Writes since the step began that were certainly not written, and whose clients were told this code. */
  | { readonly kind: 'rejected'; readonly count: number; readonly code: string };

export interface Step {
  /** Milliseconds after the end of the step before; scaled with the duration of the drill. */
  readonly afterMs: number;
  /** Actions, one after the other, or all at one moment. Empty: the step only waits. */
  readonly actions: readonly Action[];
  readonly atOnce: boolean;
  /** Name that later steps have for the nodes of the first action. */
  readonly as: string | undefined;
  readonly await: Await | undefined;
  /** Bound in milliseconds on the wait, and on the repetition of an order that has to be `done`. */
  readonly withinMs: number;
}

export interface Scenario {
  readonly name: string;
  /** Description, one sentence. */
  readonly about: string;
  /** Origin of the scenario: a bug of another system, or a trace. */
  readonly lesson: string | undefined;
  readonly cluster: ClusterShape;
  /** Ack level that the writers ask for. */
  readonly ack: 'local' | 'quorum' | 'all';
  /**
   * Allowed losses. `none`: nothing acknowledged. `local`: writes acknowledged at `local`, exactly those that the
   * tools predicted. `forced`: the losses of a forced failover.
   */
  readonly loss: 'none' | 'local' | 'forced';
  /** True if losses depend on timing: a run without losses is then as predicted too. */
  readonly lossByChance: boolean;
  /** Milliseconds of all pauses between the steps together, at their own pace; `--duration` scales them. */
  readonly durationMs: number;
  readonly steps: readonly Step[];
  /** Nodes that are not started again in the end. */
  readonly staysDown: readonly NodeName[];
}
