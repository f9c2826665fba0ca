/** Conditions of every direction between two nodes, and the effects of network faults on them. No I/O. */
import type { FaultOf } from '../faults/fault.ts';
import type { GroupFault } from '../faults/table.ts';
import { GOOD_PATH } from './network-path.ts';
import type { PathCondition } from './network-path.ts';

/** Faults that change what paths are like, for as long as nobody heals them. */
export type LastingFault = Exclude<GroupFault<'network'>, FaultOf<'reset'>>;

export class PathTable {
  readonly #ids: readonly string[];
  readonly #paths = new Map<string, PathCondition>();

  constructor(ids: readonly string[]) {
    this.#ids = ids;
  }

  /** The same object for as long as it is the same. */
  path(from: string, to: string): PathCondition {
    return this.#paths.get(`${from}>${to}`) ?? GOOD_PATH;
  }

  apply(fault: LastingFault): void {
    switch (fault.kind) {
      case 'cut':
        this.#change(fault.from, fault.to, { cut: true });
        break;
      case 'isolate':
        this.#cutBetween((from, to) => from === fault.node || to === fault.node);
        break;
      case 'partition':
        this.#partition(fault.groups);
        break;
      case 'delay':
        this.#change(fault.from, fault.to, { delayMs: fault.ms, jitterMs: fault.jitterMs });
        break;
      case 'loss':
        this.#change(fault.from, fault.to, { lossShare: fault.share });
        break;
      case 'bandwidth':
        this.#change(fault.from, fault.to, { bytesPerSecond: fault.bytesPerSecond });
        break;
      case 'heal-network':
        this.#paths.clear();
    }
  }

  #change(from: string, to: string, change: Partial<PathCondition>): void {
    this.#paths.set(`${from}>${to}`, { ...this.path(from, to), ...change });
  }

  #partition(groups: readonly (readonly string[])[]): void {
    const groupOf = (id: string): number => groups.findIndex((group) => group.includes(id));
    for (const from of this.#ids) {
      for (const to of this.#ids) {
        if (from !== to) this.#change(from, to, { cut: groupOf(from) !== groupOf(to) });
      }
    }
  }

  #cutBetween(concerns: (from: string, to: string) => boolean): void {
    for (const from of this.#ids) {
      for (const to of this.#ids) {
        if (from !== to && concerns(from, to)) this.#change(from, to, { cut: true });
      }
    }
  }
}
