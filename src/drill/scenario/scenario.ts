/** What a drill does and when: data, read from a file in `drills/`. */
import type { Fault, OperatorAction } from '../faults/fault.ts';
import type { ClusterShape } from '../target/target.ts';

/**
 * Which nodes, at the moment of the step: an id (`n1`), a name given by `as`, a role (`leader`, `follower`, `newest`, `other`) or a set
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
  /** Some node leads, and has committed something since the step began. */
  | { readonly kind: 'commits' }
  | { readonly kind: 'ready'; readonly node: readonly NodeName[] }
  | { readonly kind: 'leads'; readonly node: readonly NodeName[] }
  /** It runs, and does not believe that it leads. */
  | { readonly kind: 'steps-down'; readonly node: readonly NodeName[] }
  /** The process has ended by itself, and has said `code` last. */
  | { readonly kind: 'refused'; readonly node: readonly NodeName[]; readonly code: string }
  | { readonly kind: 'down'; readonly node: readonly NodeName[] }
  /** Its status gives this code, and a sentence with these words, as a warning or the reason of something that waits, is refused or goes the long way. */
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
  /** How long after the step before it ended; scaled with the duration of the drill. */
  readonly afterMs: number;
  /** One after the other, or all at one moment. Empty: the step only waits. */
  readonly actions: readonly Action[];
  readonly atOnce: boolean;
  /** The name that later steps have for the nodes of the first action. */
  readonly as: string | undefined;
  readonly await: Await | undefined;
  /** Bounds the wait, and the repetition of an order that has to be `done`. */
  readonly withinMs: number;
}

export interface Scenario {
  readonly name: string;
  /** One sentence. */
  readonly about: string;
  /** What taught it: a bug of another system, or a trace. */
  readonly lesson: string | undefined;
  readonly cluster: ClusterShape;
  /** Which acknowledgement level the writers ask for. */
  readonly ack: 'local' | 'quorum' | 'all';
  /** `none`: nothing acknowledged may be lost. `local`: writes acknowledged at `local` may, and must be exactly what the tools predicted. `forced`: a forced failover may lose. */
  readonly loss: 'none' | 'local' | 'forced';
  /** Whether anything is lost depends on the moments at which things happen: losing nothing is then as predicted too. */
  readonly lossByChance: boolean;
  /** All pauses between the steps together, at their own pace; `--duration` scales them. */
  readonly durationMs: number;
  readonly steps: readonly Step[];
  /** Nodes that are not started again in the end. */
  readonly staysDown: readonly NodeName[];
}
