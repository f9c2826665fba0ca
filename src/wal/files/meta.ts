import { isUnwritable } from '../../ports/disk-errors.ts';
import type { Disk } from '../../ports/disk.ts';
import { isWalshipError, WalshipError } from '../../errors.ts';
import { adoptInPlace, writeAnew } from './adopt.ts';
import { crc32 } from '../format/checksum.ts';
import { isId } from '../format/epoch-record.ts';
import { EPOCH_MAX, LSN_MAX } from '../format/limits.ts';
import type { Position } from '../format/position.ts';
import { hex32 } from '../format/record.ts';
import type { Claim, EpochPromise, VoterState } from '../format/voter-state.ts';

/** Configuration after a forced failover, if it succeeds in becoming a history, whose id is that of the attempt. */
export interface ForcedConfig {
  readonly voters: readonly string[];
  readonly quorum: number;
  /** Position of the candidate: the end of that history until its first leader writes. */
  readonly from: { readonly epoch: number; readonly lsn: number };
}

/** State that a node must not forget, beside its log. */
export interface Meta {
  readonly format: 1;
  readonly clusterId: string | null;
  readonly historyId: string | null;
  /** Node id; empty until the node has one. */
  readonly nodeId: string;
  readonly promise: EpochPromise;
  /**
   * Last confirmed promise to create a cluster, while the node is blank: its presence proves that this node has lost nothing since.
   * Null at any other time.
   */
  readonly birth: EpochPromise | null;
  /** Set if the promise was granted to a forced failover. */
  readonly forced: ForcedConfig | null;
  readonly state: VoterState;
  readonly claim: Claim;
  /** Base LSN of the newest durable segment. */
  readonly newestSegment: number | null;
  /** Target of a cut in progress; the next start finishes an interrupted cut. */
  readonly cut: Position | null;
  /** Start LSN of the snapshot that is replacing the log, while it does: the next start continues from that snapshot, or finds damage. */
  readonly replacedBy: number | null;
  readonly voters: readonly string[] | null;
  readonly quorum: number | null;
  /** True if this node has adopted another history id whose first EPOCH record may not be in the log yet. */
  readonly joining: boolean;
  /** True if an operator allowed this node to leave its history: records that the leader does not have will be cut, committed or not. */
  readonly discarding: boolean;
}

export const META_NAME = 'meta.json';
/** File that becomes the next meta.json: its block and its inode are already allocated when the disk is full. */
export const META_SPARE_NAME = 'meta.json.next';
/** Size of the spare file; meta.json is rarely larger. */
const SPARE_BYTES = 4096;
const META_BYTES_MAX = 256 * 1024;

/** State of a node that has no data and has promised nothing. */
export const BLANK_META: Meta = {
  format: 1,
  clusterId: null,
  historyId: null,
  nodeId: '',
  promise: { epoch: 0, candidate: null, attempt: null },
  birth: null,
  forced: null,
  state: 'blank',
  claim: null,
  newestSegment: null,
  cut: null,
  replacedBy: null,
  voters: null,
  quorum: null,
  joining: false,
  discarding: false,
};

export interface MetaOptions {
  /** True if the directory holds a log or a snapshot; then meta.json must exist. */
  readonly hasLog: boolean;
  /** Expected node id; adopted if the file has none. */
  readonly nodeId?: string;
}

/**
 * Holds meta.json, and writes it atomically: temporary name, fsync, rename, directory fsync. The file for the next write is created
 * in advance, so that a node with a full disk can still promise and follow.
 * Invariant: `current` is durable (except for a node's first values, before the first update).
 */
export class MetaStore {
  readonly #disk: Disk;
  readonly #dir: string;
  #current: Meta;
  #queue: Promise<void> = Promise.resolve();

  private constructor(disk: Disk, dir: string, current: Meta) {
    this.#disk = disk;
    this.#dir = dir;
    this.#current = current;
  }

  /**
   * Reads meta.json of the data directory `dir` and makes its content durable. If it is absent the node is blank, and nothing is
   * written before the first update.
   * @throws WalshipError WAL_CORRUPT if it is unreadable, or absent beside a log; UNSUPPORTED_VERSION if its format is
   * newer; CONFIG_MISMATCH if it belongs to another node id.
   */
  static async open(disk: Disk, dir: string, options: MetaOptions): Promise<MetaStore> {
    const found = await readMetaFile(disk, dir);
    if (found === undefined && options.hasLog) {
      const path = `${dir}/${META_NAME}`;
      throw new WalshipError(
        'WAL_CORRUPT',
        `${path} is missing, and there is a log: this node no longer knows its promises`,
        { details: { path } },
      );
    }
    const { nodeId } = options;
    if (
      found !== undefined &&
      nodeId !== undefined &&
      found.nodeId !== '' &&
      found.nodeId !== nodeId
    ) {
      throw new WalshipError(
        'CONFIG_MISMATCH',
        `${dir} belongs to node ${found.nodeId}, not ${nodeId}`,
        {
          details: {
            path: `${dir}/${META_NAME}`,
            ours: nodeId,
            theirs: found.nodeId,
            hint: `start it with --node ${found.nodeId}, or with the directory of ${nodeId}: check --data`,
          },
        },
      );
    }
    const meta = { ...(found ?? BLANK_META), nodeId: nodeId ?? found?.nodeId ?? '' };
    // After a kill or a failed fsync these bytes may be in the page cache only: they are not relied on before they are written again.
    const store = new MetaStore(disk, dir, meta);
    if (found !== undefined) await store.#adopt(found);
    return store;
  }

  /** Current durable values. */
  get current(): Meta {
    return this.#current;
  }

  /**
   * Changes some values; updates run one after the other. Resolves when they are durable; only then are they `current`.
   * A full disk fails only this update and keeps the old values, and so do values that could not be read again; any other failure is
   * final, and every later update fails too.
   * @throws WalshipError DISK_FULL, INTERNAL, DISK_FAILED.
   */
  update(patch: Partial<Omit<Meta, 'format'>>): Promise<void> {
    const done = this.#queue.then(async () => {
      const patched = { ...this.#current, ...patch };
      const changed = patched.state === 'blank' ? patched : { ...patched, birth: null };
      await this.#write(changed);
      this.#current = changed;
    });
    // The caller of each update sees its failure; only a failure that leaves the disk in doubt stops the later updates.
    this.#queue = done.catch((error: unknown) => {
      if (!leftMetaAsItWas(error)) throw error;
    });
    this.#queue.catch(() => undefined);
    return done;
  }

  /** Writes the file again. If not even a small file can be created, makes the same bytes durable in place. */
  async #adopt(found: Meta): Promise<void> {
    try {
      await this.#write(this.#current);
    } catch (error) {
      const same = encodeMeta(found).equals(encodeMeta(this.#current));
      if (!isUnwritable(error) || !same) throw error;
      const file = await this.#disk.open(`${this.#dir}/${META_NAME}`, 'write');
      try {
        await adoptInPlace(file, encodeMeta(found).length);
      } finally {
        await file.close();
      }
      await this.#keepSpare();
      await this.#disk.syncDir(this.#dir);
    }
  }

  async #write(meta: Meta): Promise<void> {
    const [disk, dir] = [this.#disk, this.#dir];
    const bytes = encodeMeta(meta);
    const renamed = (): Promise<void> => this.#keepSpare();
    const place = { dir, name: META_NAME, temporary: META_SPARE_NAME, renamed };
    const waits = (await disk.list(dir)).includes(META_SPARE_NAME);
    const file = waits ? { file: await disk.open(`${dir}/${META_SPARE_NAME}`, 'write') } : {};
    await writeAnew(disk, { ...place, ...file }, async (target) => {
      await target.write(bytes, 0);
      await target.truncate(bytes.length);
    });
  }

  /** Creates the spare file from the space that the old file has just freed. Without space there is no spare. */
  async #keepSpare(): Promise<void> {
    const [disk, dir] = [this.#disk, this.#dir];
    const path = `${dir}/${META_SPARE_NAME}`;
    try {
      const file = await disk.open(path, 'create');
      try {
        await file.write(Buffer.alloc(SPARE_BYTES, ' '), 0);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      if (!isUnwritable(error)) throw error;
    }
  }
}

/** True if only that update failed and the old values remain: the disk accepted nothing, or the values could not have been read again. */
export function leftMetaAsItWas(error: unknown): error is WalshipError {
  return isUnwritable(error) || isWalshipError(error, 'INTERNAL');
}

/**
 * Reads meta.json and changes nothing; undefined if it is absent.
 * @throws WalshipError WAL_CORRUPT if it is unreadable, UNSUPPORTED_VERSION if its format is newer.
 */
export async function readMetaFile(disk: Disk, dir: string): Promise<Meta | undefined> {
  if (!(await disk.list(dir)).includes(META_NAME)) return undefined;
  const path = `${dir}/${META_NAME}`;
  return decodeMeta(await readWhole(disk, path), path);
}

/** Writes a small file under a temporary name, fsyncs, renames and fsyncs the directory: durable on resolve. */
export function writeWhole(
  disk: Disk,
  { dir, name, bytes }: { readonly dir: string; readonly name: string; readonly bytes: Buffer },
): Promise<void> {
  return writeAnew(disk, { dir, name }, (file) => file.write(bytes, 0));
}

/** Reads a whole small file, up to META_BYTES_MAX. */
export async function readWhole(disk: Disk, path: string): Promise<Buffer> {
  const file = await disk.open(path, 'read');
  try {
    const bytes = Buffer.alloc(Math.min(await file.size(), META_BYTES_MAX));
    return bytes.subarray(0, await file.read(bytes, 0));
  } finally {
    await file.close();
  }
}

/**
 * Encodes meta.json: readable JSON, with a checksum over the other members. The result is decoded once as a check: a file that
 * this code would refuse at the next start is never written.
 * @throws WalshipError INTERNAL.
 */
export function encodeMeta(meta: Meta): Buffer {
  const bytes = Buffer.from(`${JSON.stringify({ ...meta, crc: checksum(meta) }, undefined, 2)}\n`);
  try {
    decodeMeta(bytes, META_NAME);
  } catch (cause) {
    const message = `${META_NAME} would not read again and was not written: ${String(cause)}`;
    throw new WalshipError('INTERNAL', message, { cause });
  }
  return bytes;
}

/** Decodes meta.json. @throws WalshipError WAL_CORRUPT or UNSUPPORTED_VERSION. */
export function decodeMeta(bytes: Buffer, path: string): Meta {
  const refuse = (reason: string, cause?: unknown): never => {
    throw new WalshipError(
      'WAL_CORRUPT',
      `${path} is unreadable (${reason}): this node no longer knows its promises`,
      { details: { path }, ...(cause === undefined ? {} : { cause }) },
    );
  };
  // `readWhole` reads no more of a longer file.
  if (bytes.length > META_BYTES_MAX) return refuse(`${bytes.length} bytes`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    return refuse('not JSON', cause);
  }
  if (typeof parsed !== 'object' || parsed === null) return refuse('not an object');
  const { crc, ...rest } = parsed as Meta & { readonly crc: unknown };
  if (typeof rest.format === 'number' && rest.format > 1) {
    throw new WalshipError(
      'UNSUPPORTED_VERSION',
      `${path} has format ${String(rest.format)}, expected 1`,
      {
        details: { path, format: rest.format },
      },
    );
  }
  if (!isMeta(rest)) return refuse('another shape');
  if (crc !== checksum(rest)) return refuse(`checksum ${checksum(rest)}, stored ${String(crc)}`);
  return rest;
}

function checksum(meta: Meta): string {
  return hex32(crc32(Buffer.from(JSON.stringify(meta))));
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;
const isEpoch = (value: unknown): boolean => isCount(value) && value <= EPOCH_MAX;
const isLsn = (value: unknown): boolean => isCount(value) && value <= LSN_MAX;
const isTextOrNull = (value: unknown): boolean => value === null || typeof value === 'string';

function isPromised(promise: EpochPromise): boolean {
  return (
    typeof promise === 'object' &&
    // A file may violate the type.
    (promise as EpochPromise | null) !== null &&
    isEpoch(promise.epoch) &&
    isTextOrNull(promise.candidate) &&
    isTextOrNull(promise.attempt)
  );
}

function isMeta(meta: Meta): boolean {
  const { promise, birth, claim, cut, voters } = meta;
  return (
    meta.format === 1 &&
    (meta.clusterId === null || isId(meta.clusterId)) &&
    (meta.historyId === null || isId(meta.historyId)) &&
    typeof meta.nodeId === 'string' &&
    isPromised(promise) &&
    (birth === null || isPromised(birth)) &&
    ['intact', 'suspect', 'blank'].includes(meta.state) &&
    (claim === null ||
      claim === 'unknown' ||
      (typeof claim === 'object' && isEpoch(claim.epoch) && isLsn(claim.lsn))) &&
    (meta.newestSegment === null || isLsn(meta.newestSegment)) &&
    (cut === null ||
      (typeof cut === 'object' && isEpoch(cut.epoch) && isLsn(cut.lsn) && isCount(cut.chain))) &&
    (meta.replacedBy === null || isLsn(meta.replacedBy)) &&
    (voters === null || isNames(voters)) &&
    (meta.quorum === null || isCount(meta.quorum)) &&
    (meta.forced === null || (typeof meta.forced === 'object' && isForced(meta.forced))) &&
    typeof meta.joining === 'boolean' &&
    typeof meta.discarding === 'boolean'
  );
}

function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}

function isForced(forced: ForcedConfig): boolean {
  const { voters, quorum, from } = forced;
  const placed =
    typeof from === 'object' && from !== null && isEpoch(from.epoch) && isLsn(from.lsn);
  return placed && isNames(voters) && isCount(quorum);
}
