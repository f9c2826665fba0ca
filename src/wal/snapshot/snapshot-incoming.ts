import { adoptInPlace } from '../files/adopt.ts';
import { type Clock, nextTurn } from '../../ports/clock.ts';
import type { Disk, DiskFile } from '../../ports/disk.ts';
import { removeQuietly } from '../../ports/remove-quietly.ts';
import { isWalshipError } from '../../errors.ts';
import { KiB } from '../../ports/units.ts';
import { samePosition } from '../format/position.ts';
import type { LogBase } from '../format/log-base.ts';
import { SnapshotDecoder } from './snapshot-decoder.ts';
import type { SnapshotVisitor } from './snapshot-decoder.ts';
import { incomingName, parseIncomingName, snapshotDirOf, snapshotName } from './snapshot-format.ts';
import type { SnapshotFile } from './snapshot-writer.ts';
import { WriteBehind } from './write-behind.ts';

const READ_BYTES = 256 * KiB;

export interface IncomingOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** The data directory. */
  readonly dir: string;
  /** SHA-256 of the file, which its footer must repeat. */
  readonly digest: string;
  readonly bytes: number;
  /** Returns a visitor for the keys as they arrive; called again if the keys visited before are void. */
  readonly begin?: () => SnapshotVisitor;
}

/**
 * An arriving snapshot: verified as it arrives, and kept in a file named by its digest, so that bytes that arrived before a
 * disconnection or a restart need not be sent again. Only a whole snapshot ever gets a snapshot's name.
 */
export class IncomingSnapshot {
  readonly #options: IncomingOptions;
  readonly #path: string;
  readonly #file: DiskFile;
  readonly #decoder: SnapshotDecoder;
  readonly #writes: WriteBehind;
  #offset: number;

  private constructor(
    options: IncomingOptions,
    parts: { path: string; file: DiskFile; decoder: SnapshotDecoder; offset: number },
  ) {
    this.#options = options;
    this.#path = parts.path;
    this.#file = parts.file;
    this.#decoder = parts.decoder;
    this.#writes = new WriteBehind(parts.file, parts.offset);
    this.#offset = parts.offset;
  }

  /** Continues where the same snapshot was interrupted; removes the parts of any other. @throws WalshipError DISK_FULL, DISK_FAILED. */
  static async open(options: IncomingOptions): Promise<IncomingSnapshot> {
    const { disk, dir, digest } = options;
    const directory = snapshotDirOf(dir);
    await disk.makeDir(directory);
    const name = incomingName(digest);
    const path = `${directory}/${name}`;
    const names = await disk.list(directory);
    for (const other of names) {
      if (parseIncomingName(other) !== undefined && other !== name) {
        await disk.remove(`${directory}/${other}`);
      }
    }
    if (!names.includes(name)) {
      const file = await disk.open(path, 'create');
      return new IncomingSnapshot(options, {
        path,
        file,
        decoder: newDecoder(options),
        offset: 0,
      });
    }
    const file = await disk.open(path, 'write');
    const { decoder, offset } = await readAgain(options, file);
    await adoptInPlace(file, offset);
    return new IncomingSnapshot(options, { path, file, decoder, offset });
  }

  /** Offset of the next byte. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * Adds the bytes at `offset`, which are valid only during the call; resolves with undefined when they are durable. Resolves with the
   * fault if they are invalid: then the file is removed, and nothing may be added after.
   * @throws WalshipError DISK_FULL, DISK_FAILED.
   */
  async add(bytes: Buffer): Promise<string | undefined> {
    const beyond = this.#offset + bytes.length > this.#options.bytes;
    const fault = beyond ? 'more bytes than were offered' : this.#decoder.add(bytes);
    if (fault !== undefined) return this.#refuse(fault);
    this.#offset += bytes.length;
    await this.#writes.add(bytes);
    return undefined;
  }

  /**
   * Gives the file a snapshot's name if it is whole and is the offered snapshot, of this cluster and this position in its log; durable
   * on resolve. Otherwise returns the fault.
   * @throws WalshipError DISK_FULL, DISK_FAILED.
   */
  async finish(expected: Pick<LogBase, 'clusterId' | 'start'>): Promise<SnapshotFile | string> {
    const { disk, dir, digest, bytes } = this.#options;
    const fault = this.#decoder.end();
    const { header, footer } = this.#decoder;
    if (fault !== undefined || header === undefined || footer === undefined) {
      return this.#refuse(fault ?? 'it has no footer');
    }
    if (footer.digest !== digest) return this.#refuse('another snapshot than was offered');
    if (header.clusterId !== expected.clusterId) return this.#refuse('of another cluster');
    if (!samePosition(header.start, expected.start)) {
      return this.#refuse('of another place in the log');
    }
    await this.#file.sync();
    await this.close();
    const path = `${snapshotDirOf(dir)}/${snapshotName(header.start.lsn)}`;
    await disk.rename(this.#path, path);
    try {
      await disk.syncDir(snapshotDirOf(dir));
    } catch (error) {
      // No later sync makes this name durable, and the next process must not rely on it: it names the snapshot again.
      await disk.rename(path, this.#path).catch(ignoreFailure);
      throw error;
    }
    const { epochs } = this.#decoder;
    return { ...header, ...footer, epochs, path, bytes };
  }

  /** Closes the file and keeps the bytes so far for the next attempt. Idempotent. */
  async close(): Promise<void> {
    await this.#writes.settled();
    await this.#file.close();
  }

  async #refuse(fault: string): Promise<string> {
    await this.close();
    await removeQuietly(this.#options.disk, this.#path);
    return fault;
  }
}

function ignoreFailure(error: unknown): void {
  if (!isWalshipError(error)) throw error;
}

const newDecoder = ({ begin }: IncomingOptions): SnapshotDecoder => new SnapshotDecoder(begin?.());

/** Verifies the existing bytes up to the end of the last whole record; later bytes may be remains of a power loss. */
async function readAgain(
  options: IncomingOptions,
  file: DiskFile,
): Promise<{ decoder: SnapshotDecoder; offset: number }> {
  const { clock, bytes } = options;
  const decoder = newDecoder(options);
  const sizeBytes = Math.min(await file.size(), bytes);
  const buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.min(READ_BYTES, sizeBytes)));
  for (let offset = 0; offset < sizeBytes && decoder.fault === undefined;) {
    const count = await file.read(buffer.subarray(0, sizeBytes - offset), offset);
    if (count === 0) break;
    decoder.add(buffer.subarray(0, count));
    offset += count;
    await nextTurn(clock);
  }
  if (decoder.footer !== undefined) return { decoder, offset: decoder.doneBytes };
  if (decoder.rewind()) return { decoder, offset: decoder.doneBytes };
  return { decoder: newDecoder(options), offset: 0 };
}
