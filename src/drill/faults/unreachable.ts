/** Which nodes could not have heard from each other, and when: told from what the drill did to them, and from nothing that they say. Pure. */
import type { Fault } from './fault.ts';

/** A fault that was brought about, or healed, between two moments of the drill. */
export interface AppliedFault {
  /** Until then nothing of it was so; a fault that heals ends others from here on. */
  readonly fromMs: number;
  /** From then on all of it is so; Infinity: that was never reached. */
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

/** What was out of reach for how long, for certain: nodes that were dead or paused, and paths that let nothing through. */
export class Unreachable {
  readonly #nodes = new Map<string, Span[]>();
  /** By `from to`. */
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
    switch (fault.kind) {
      case 'kill':
      case 'stop':
        end(this.#nodes.get(fault.node), fromMs);
        begin(this.#nodes, fault.node, toMs);
        break;
      case 'pause':
        begin(this.#nodes, fault.node, toMs);
        break;
      case 'power-cut':
        for (const node of fault.nodes) {
          end(this.#nodes.get(node), fromMs);
          begin(this.#nodes, node, toMs);
        }
        break;
      case 'start':
      case 'resume':
        end(this.#nodes.get(fault.node), fromMs);
        break;
      case 'cut':
        begin(this.#paths, nameOf(fault.from, fault.to), toMs);
        break;
      case 'isolate':
        for (const other of this.#nodeIds) {
          if (other === fault.node) continue;
          begin(this.#paths, nameOf(fault.node, other), toMs);
          begin(this.#paths, nameOf(other, fault.node), toMs);
        }
        break;
      case 'heal-network':
        this.#healPaths(fromMs);
        break;
      case 'partition':
        // It takes the place of every cut before it.
        this.#healPaths(fromMs);
        this.#part(fault.groups, toMs);
        break;
      // Slow is not out of reach; what breaks a disk or a file leaves the node as reachable as it was.
      case 'stall':
      case 'clock-jump':
      case 'idle-clients':
      case 'clients-leave':
      case 'delay':
      case 'loss':
      case 'bandwidth':
      case 'reset':
      case 'disk-full':
      case 'no-inodes':
      case 'disk-slow':
      case 'fsync-error':
      case 'disk-read-only':
      case 'heal-disk':
      case 'flip-bit':
      case 'torn-tail':
      case 'lose-segment':
      case 'lose-snapshots':
      case 'wipe':
      case 'back-up':
      case 'restore':
    }
  }

  #healPaths(atMs: number): void {
    for (const spans of this.#paths.values()) end(spans, atMs);
  }

  #part(groups: readonly (readonly string[])[], fromMs: number): void {
    for (const [index, group] of groups.entries()) {
      const others = groups.filter((_, other) => other !== index).flat();
      for (const from of group) {
        for (const to of others) begin(this.#paths, nameOf(from, to), fromMs);
      }
    }
  }
}

function nameOf(from: string, to: string): string {
  return `${from} ${to}`;
}

function begin(all: Map<string, Span[]>, name: string, fromMs: number): void {
  const spans = all.get(name) ?? [];
  all.set(name, spans);
  const open = spans.at(-1);
  // What is so already goes on.
  if (open === undefined || open.toMs !== Infinity) spans.push({ fromMs, toMs: Infinity });
}

function end(spans: readonly Span[] | undefined, atMs: number): void {
  const open = spans?.at(-1);
  if (open !== undefined && open.toMs === Infinity) open.toMs = atMs;
}

function covers(spans: readonly Span[] | undefined, { fromMs, toMs }: Between): boolean {
  return (spans ?? []).some((span) => span.fromMs <= fromMs && toMs <= span.toMs);
}
