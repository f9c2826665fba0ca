/**
 * Judges P5: everything cut off a log is in saved/ of the same disk, whole and with a note, unless it was committed
 * after all. The checker remembers the bytes on the platter before a segment is removed or replaced, and looks for
 * them once all is quiet.
 */
import type { GoldenLog } from './golden-log.ts';
import { SimViolation } from './golden-log.ts';
import type { ImageBatch } from './log-image.ts';
import type { Platter, Platters } from './platters.ts';
import type { DiskOperation } from './sim-fault.ts';
import type { SimFile } from './sim-file.ts';
import { DATA_DIR, WAL_DIR } from './sim-machine.ts';

const SAVED_DIR = `${DATA_DIR}/saved`;

export class CutChecker {
  readonly #golden: GoldenLog;
  readonly #platters: Platters;
  /**
   * Batches that were on the platter of a node when a segment of its log was removed, and were not committed by then.
   */
  readonly #gone = new Map<string, ImageBatch[]>();

  constructor(golden: GoldenLog, platters: Platters) {
    this.#golden = golden;
    this.#platters = platters;
  }

  /** Notes an operation of a disk. Call it before each one. */
  before(platter: Platter, { kind, path, target }: DiskOperation): void {
    const segment = kind === 'remove' ? path : kind === 'rename' ? target : undefined;
    if (segment?.startsWith(`${WAL_DIR}/`) !== true || !segment.endsWith('.wal')) return;
    const file = platter.disk.names.durable(segment);
    if (file === undefined) return;
    const fromLsn = Number(segment.slice(WAL_DIR.length + 1, -4));
    const gone = this.#gone.get(platter.nodeId) ?? [];
    const batches = this.#platters.imageOf(platter).batches({ fromLsn, durable: true });
    const isOwed = (batch: ImageBatch): boolean =>
      !this.#golden.holds(batch) && !gone.includes(batch) && isReadable(file, batch);
    gone.push(...batches.filter(isOwed));
    this.#gone.set(platter.nodeId, gone);
  }

  /** Forgets a machine that lost its data: nothing of it has to be saved. */
  forget(nodeId: string): void {
    this.#gone.delete(nodeId);
  }

  /** Checks a disk once all is quiet. @throws SimViolation where something is missing. */
  finish(platter: Platter): void {
    const { nodeId, disk } = platter;
    const gone = (this.#gone.get(nodeId) ?? []).filter((batch) => !this.#golden.holds(batch));
    if (gone.length === 0) return;
    const paths = disk.paths().filter((path) => path.startsWith(`${SAVED_DIR}/`));
    const noted = paths
      .filter((path) => path.endsWith('.wal') && paths.includes(path.replace(/wal$/, 'json')))
      .flatMap((path) => disk.contentOf(path) ?? []);
    for (const { firstLsn, lastLsn, records, bytes } of gone) {
      if (noted.some((saved) => saved.includes(bytes))) continue;
      const epoch = records[0]?.epoch ?? 0;
      throw new SimViolation(
        `${nodeId} cut off LSN ${firstLsn} to ${lastLsn} of epoch ${epoch}, and nothing in saved/ has it with a note`,
      );
    }
  }
}

/** Returns true if the bytes can be read: bytes that no process can read cannot be saved. */
function isReadable(file: SimFile, { bytes }: ImageBatch): boolean {
  const at = file.soundView(true).indexOf(bytes);
  return at === -1 || !file.isUnreadable(at, at + bytes.length);
}
