/**
 * Durable data, by the bytes on the platters alone: no node is asked, so it does not matter whether one is alive. A
 * lost disk is remembered as it was, until its machine is intact again: an ack may have left it just before.
 */
import type { Version } from '../wal/format/position.ts';
import { type ImageBatch, ImageReader, snapshotReach } from './log-image.ts';
import type { SimDisk } from './sim-disk.ts';
import { WAL_DIR } from './sim-machine.ts';

export interface Platter {
  readonly nodeId: string;
  readonly disk: SimDisk;
}

export interface Holder {
  readonly nodeId: string;
  /** Batches from the requested LSN on, as long as they follow each other, and those before in their segment. */
  readonly batches: readonly ImageBatch[];
}

export class Platters {
  readonly #platters: readonly Platter[];
  readonly #images = new Map<string, ImageReader>();
  /** Logs of disks that were lost, by node id. */
  readonly #lost = new Map<string, readonly ImageBatch[]>();

  constructor(platters: readonly Platter[]) {
    this.#platters = platters;
  }

  /** Remembers the bytes of a platter that is about to be lost. */
  lose(platter: Platter): void {
    const batches = this.imageOf(platter).batches({ fromLsn: 1, durable: true });
    this.#lost.set(platter.nodeId, [...(this.#lost.get(platter.nodeId) ?? []), ...batches]);
  }

  /** Forgets the lost disk of a machine. */
  forget(nodeId: string): void {
    this.#lost.delete(nodeId);
  }

  /**
   * Returns the machines whose platter has the record `version`, with everything before it from `fromLsn` on; or had
   * it when that disk was lost. The present bytes of the machines `without` are ignored.
   */
  holders(
    version: Version,
    fromLsn: number,
    without: ReadonlySet<string> = new Set(),
  ): readonly Holder[] {
    return this.#platters.flatMap((platter) => {
      const { nodeId } = platter;
      const now = without.has(nodeId)
        ? []
        : this.imageOf(platter).batches({ fromLsn, durable: true });
      const then = this.#lost.get(nodeId) ?? [];
      const batches = [now, then].find((log) => batchOf(log, version) !== undefined);
      return batches === undefined ? [] : [{ nodeId, batches }];
    });
  }

  /**
   * Returns the machines whose snapshot on the platter holds everything up to `lsn`: a committed record need not be
   * in their log.
   */
  covering(lsn: number, without: ReadonlySet<string>): readonly string[] {
    return this.#platters
      .filter(({ nodeId, disk }) => !without.has(nodeId) && snapshotReach(disk, WAL_DIR) >= lsn)
      .map(({ nodeId }) => nodeId);
  }

  imageOf({ nodeId, disk }: Platter): ImageReader {
    let image = this.#images.get(nodeId);
    if (image === undefined) {
      image = new ImageReader(disk, WAL_DIR);
      this.#images.set(nodeId, image);
    }
    return image;
  }
}

/** Returns the batch that holds record `lsn` of that epoch. */
export function batchOf(
  batches: readonly ImageBatch[],
  { epoch, lsn }: Version,
): ImageBatch | undefined {
  return batches.findLast(
    ({ firstLsn, lastLsn, records }) =>
      firstLsn <= lsn && lastLsn >= lsn && records[0]?.epoch === epoch,
  );
}
