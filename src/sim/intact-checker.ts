/**
 * Judges P6 directly: a node that finds damage reports it. A node that is intact from the start of a run has
 * everything that its platter had acknowledged before bits of it rotted.
 */
import type { NodeStatus } from '../node/api/api.ts';
import { SimViolation } from './golden-log.ts';

interface Owed {
  /** Run in which the damage was done, or that ended just before. */
  readonly life: number;
  readonly lsn: number;
}

export class IntactChecker {
  readonly #owed = new Map<string, Owed>();

  /** Notes that bits rot on that disk, which has acknowledged everything up to `lsn`. */
  rots(nodeId: string, owed: Owed): void {
    this.#owed.set(nodeId, owed);
  }

  /** Forgets a machine that gets an empty disk. */
  forget(nodeId: string): void {
    this.#owed.delete(nodeId);
  }

  /**
   * Checks a status; call it with every one, from the first of a run on. @throws SimViolation where an intact node
   * lacks acknowledged records.
   */
  look(
    { nodeId, lives }: { readonly nodeId: string; readonly lives: number },
    { state, durable }: Pick<NodeStatus, 'state' | 'durable'>,
  ): void {
    const owed = this.#owed.get(nodeId);
    if (owed === undefined || owed.life === lives) return;
    this.#owed.delete(nodeId);
    if (state !== 'intact' || durable.lsn >= owed.lsn) return;
    throw new SimViolation(
      `${nodeId} (life ${lives}) is intact and ends at LSN ${durable.lsn}, and its platter had acknowledged ${owed.lsn} before it rotted`,
    );
  }
}
