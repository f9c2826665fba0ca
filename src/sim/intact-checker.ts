/**
 * Judges P6 directly: a node that finds damage says so. One that is intact from its first moment on has everything that its platter had
 * acknowledged before bits of it rotted.
 */
import type { NodeStatus } from '../node/api/api.ts';
import { SimViolation } from './golden-log.ts';

interface Owed {
  /** The life in which the damage was done, or that ended just before. */
  readonly life: number;
  readonly lsn: number;
}

export class IntactChecker {
  readonly #owed = new Map<string, Owed>();

  /** Bits rot on that disk, which has acknowledged everything up to `lsn`. */
  rots(nodeId: string, owed: Owed): void {
    this.#owed.set(nodeId, owed);
  }

  /** It gets an empty disk. */
  forget(nodeId: string): void {
    this.#owed.delete(nodeId);
  }

  /** To be told of every status, from the first one of a life on. @throws SimViolation */
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
