/** What a drill does and when: data, read from a file in `drills/`. */
import type { Fault, OperatorAction } from './fault.ts';
import type { ClusterShape } from './target.ts';

/** Which node: an id (`n1`), a role at that moment (`leader`, `follower`: one of them, by the seed), or a name given by an earlier step. */
export type NodeName = string;

/** Something to wait for, within a bound, before the next step. */
export type Await =
  /** Some node leads and has committed something since the step began. */
  | { readonly kind: 'commits' }
  | { readonly kind: 'ready'; readonly node: NodeName }
  | { readonly kind: 'down'; readonly node: NodeName }
  /** Acknowledged writes since the step began. */
  | { readonly kind: 'writes'; readonly count: number };

export interface Step {
  /** How long after the step before it began to wait; scaled with the duration of the drill. */
  readonly afterMs: number;
  /** Node names stand where a Fault or OperatorAction has node ids. Nothing: the step only waits. */
  readonly actions: readonly (Fault | OperatorAction)[];
  /** Names to give to the nodes of the first action, so that later steps can mean the same ones. */
  readonly as: string | undefined;
  readonly await: Await | undefined;
  readonly awaitMsMax: number;
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
  /** What the steps take at their own pace; `--duration` scales them. */
  readonly durationMs: number;
  readonly steps: readonly Step[];
}
