/**
 * Nodes that could not have heard from each other, with the times: derived from the drill's actions alone, not from
 * reports of the nodes. Pure.
 */
import { nodesOf } from './actions.ts';
import type { Fault } from './fault.ts';
import { FAULTS } from './table.ts';

/** A fault that was brought about, or healed, between two moments of the drill. */
export interface AppliedFault {
  /** Time before which nothing of it was in effect; a fault that heals ends others from here on. */
  readonly fromMs: number;
  /** Time from which on all of it is in effect; Infinity: that was never reached. */
  readonly toMs: number;
  readonly fault: Fault;
}

interface Span {
  readonly fromMs: number;
  toMs: number;
}

export interface Between {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Nodes and paths that were certainly out of reach, with the times: nodes that were dead or paused, and paths that
 * let nothing through.
 */
export class Unreachable {
  readonly #nodes = new Map<string, Span[]>();
  /** Intervals by `from to`. */
  readonly #paths = new Map<string, Span[]>();
  readonly #nodeIds: readonly string[];

  constructor(faults: readonly AppliedFault[], nodeIds: readonly string[]) {
    this.#nodeIds = nodeIds;
    for (const applied of faults.toSorted((a, b) => a.fromMs - b.fromMs)) this.#note(applied);
  }

  /** The node did nothing in all of that time. */
  silent(nodeId: string, { fromMs, toMs }: Between): boolean {
    return covers(this.#nodes.get(nodeId), { fromMs, toMs });
  }

  /** A question of one of them, and the answer of the other, cannot both have arrived in that time. */
  apart(a: string, b: string, between: Between): boolean {
    return [nameOf(a, b), nameOf(b, a)].some((path) => covers(this.#paths.get(path), between));
  }

  #note({ fault, fromMs, toMs }: AppliedFault): void {
    const { breaks, heals, silences } = FAULTS[fault.kind];
    // A partition takes the place of every cut before it.
    if (heals === 'network' || fault.kind === 'partition') this.#healPaths(fromMs);
    if (silences === 'paths') {
      for (const path of pathsOf(fault, this.#nodeIds)) begin(this.#paths, path, toMs);
    }
    // A process that ends, or goes on, is paused no longer.
    const ends = breaks === 'process' || heals === 'process' || heals === 'pause';
    for (const node of nodesOf(fault)) {
      if (ends) end(this.#nodes.get(node), fromMs);
      if (silences === 'node') begin(this.#nodes, node, toMs);
    }
  }

  #healPaths(atMs: number): void {
    for (const spans of this.#paths.values()) end(spans, atMs);
  }
}

/** The paths on which nothing passes while the fault lasts. */
function pathsOf(fault: Fault, nodeIds: readonly string[]): readonly string[] {
  if ('from' in fault) return [nameOf(fault.from, fault.to)];
  const groups =
    'groups' in fault
      ? fault.groups
      : [nodesOf(fault), nodeIds.filter((id) => !nodesOf(fault).includes(id))];
  return groups.flatMap((group) => {
    const others = groups.filter((other) => other !== group).flat();
    return group.flatMap((from) => others.map((to) => nameOf(from, to)));
  });
}

function nameOf(from: string, to: string): string {
  return `${from} ${to}`;
}

function begin(all: Map<string, Span[]>, name: string, fromMs: number): void {
  const spans = all.get(name) ?? [];
  all.set(name, spans);
  const open = spans.at(-1);
  // An interval that is already open continues.
  if (open === undefined || open.toMs !== Infinity) spans.push({ fromMs, toMs: Infinity });
}

function end(spans: readonly Span[] | undefined, atMs: number): void {
  const open = spans?.at(-1);
  if (open !== undefined && open.toMs === Infinity) open.toMs = atMs;
}

function covers(spans: readonly Span[] | undefined, { fromMs, toMs }: Between): boolean {
  return (spans ?? []).some((span) => span.fromMs <= fromMs && toMs <= span.toMs);
}
