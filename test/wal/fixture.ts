import { SeededEntropy } from '../../src/ports/seeded-entropy.ts';
import { BLOCK_BYTES, FILL_BYTE } from '../../src/wal/format/limits.ts';
import { encodeEpochRecord } from '../../src/wal/format/epoch-record.ts';
import { MetaStore, type Meta } from '../../src/wal/files/meta.ts';
import { encodeRecord, OP, readU32, recordBytes } from '../../src/wal/format/record.ts';
import { recover, type RecoveredLog, type RecoverOptions } from '../../src/wal/recovery/recover.ts';
import { Salt } from '../../src/wal/format/salt.ts';
import type { LogState } from '../../src/wal/format/scan.ts';
import { ChainSum, firstChain, SEAL_BYTES, sealBatch } from '../../src/wal/format/seal.ts';
import { encodeSegmentHeader, headerAfter, segmentName } from '../../src/wal/format/segment.ts';
import { firstBlock } from '../../src/wal/format/segment-copy.ts';
import {
  borderAfter,
  decodeWriteHeader,
  headerOf,
  writeEnd,
} from '../../src/wal/format/write-header.ts';
import type { MemoryDisk } from './memory-disk.ts';

export const CLUSTER_ID = '00112233445566778899aabbccddeeff';
export const HISTORY_ID = 'ffeeddccbbaa99887766554433221100';
/** Of the segments that tests put together. */
export const SALT = Salt.at(Buffer.from('5a17000000005a17', 'hex'), 0);
export const FIRST: LogState = {
  epoch: 0,
  lsn: 0,
  chain: firstChain(Buffer.from(CLUSTER_ID, 'hex')),
};
/** Small, so that tests are quick. */
export const SIZE = 16_384;

export interface Op {
  readonly op?: number;
  readonly key?: string;
  readonly value?: string | Buffer;
}

export interface BatchShape {
  readonly ops?: readonly Op[];
  /** Opens this epoch, led by `leader` (n1 unless said otherwise). */
  readonly epoch?: number;
  readonly leader?: string;
  readonly historyId?: string;
  readonly commitLsn?: number;
  readonly timeMs?: number;
}

export interface Built {
  readonly bytes: Buffer;
  readonly state: LogState;
}

/** A batch that continues `state`. */
export function batch(state: LogState, shape: BatchShape): Built {
  const ops = (shape.ops ?? []).map(({ op = OP.PUT, key = 'k', value = 'v' }) => ({
    op,
    key: Buffer.from(key),
    value: Buffer.from(value),
  }));
  const sizes = ops.map(({ key, value }) => recordBytes(key.length, value.length));
  const bytes = Buffer.alloc(1000 + SEAL_BYTES + sizes.reduce((a, b) => a + b, 0), 0xee);
  const sum = new ChainSum();
  sum.start(state.chain);
  let { lsn, epoch } = state;
  let end = 0;
  if (shape.epoch !== undefined) {
    ({ epoch } = shape as { epoch: number });
    lsn += 1;
    end = encodeEpochRecord(bytes, 0, {
      epoch,
      leader: shape.leader ?? 'n1',
      firstLsn: lsn,
      historyId: shape.historyId ?? HISTORY_ID,
      voters: ['n1', 'n2', 'n3'],
      quorum: 2,
    });
    sum.add(readU32(bytes, end - 4));
  }
  for (const op of ops) {
    lsn += 1;
    end = encodeRecord(bytes, end, { lsn, ...op });
    sum.add(readU32(bytes, end - 4));
  }
  const { commitLsn = 0, timeMs = 1000 } = shape;
  const count = lsn - state.lsn;
  const chain = sealBatch(bytes, end, { epoch, timeMs, commitLsn, count, lsn, sum });
  return { bytes: bytes.subarray(0, end + SEAL_BYTES), state: { epoch, lsn, chain } };
}

/** Several batches, each continuing the one before. */
export function batches(
  state: LogState,
  shapes: readonly BatchShape[],
): Built & { parts: Buffer[] } {
  const parts: Buffer[] = [];
  let at = state;
  for (const shape of shapes) {
    const built = batch(at, shape);
    parts.push(built.bytes);
    at = built.state;
  }
  return { bytes: Buffer.concat(parts), state: at, parts };
}

/** The bytes of a segment behind its first block: a write for each element, from the beginning of a block on. */
export function writesOf(writes: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [];
  let end = 0;
  for (const [index, bytes] of writes.entries()) {
    parts.push(Buffer.alloc(borderAfter(end) - end, FILL_BYTE));
    const firstLsn = Number(bytes.readBigUInt64BE(0));
    parts.push(headerOf(bytes, { salt: SALT, number: index + 1, firstLsn }), bytes);
    end = writeEnd(end, bytes.length);
  }
  return Buffer.concat(parts);
}

/** Where each of these writes ends in a segment. */
export function endsOf(writes: readonly Buffer[]): readonly number[] {
  return writes.map((_, index) => BLOCK_BYTES + writesOf(writes.slice(0, index + 1)).length);
}

/** A whole segment file: header, writes (or one) and fill; `sizeBytes` 0 means trimmed. */
export function segment(
  state: LogState,
  content: Buffer | readonly Buffer[],
  sizeBytes = SIZE,
): Buffer {
  const writes = Buffer.isBuffer(content) ? [content] : content;
  const header = headerAfter(CLUSTER_ID, state, SALT);
  const used = writes.some((bytes) => bytes.length > 0)
    ? Buffer.concat([firstBlock(header), writesOf(writes)])
    : encodeSegmentHeader(header);
  const fill = Buffer.alloc(Math.max(0, sizeBytes - used.length), FILL_BYTE);
  return Buffer.concat([used, fill]);
}

/** The batches of a segment file, without what stands between them. */
export function batchesIn(file: Buffer): Buffer {
  const salt = Salt.at(file, 52);
  const parts: Buffer[] = [];
  for (let at = BLOCK_BYTES; at + 32 <= file.length;) {
    const header = decodeWriteHeader(file, at, salt);
    if (typeof header === 'string') break;
    parts.push(file.subarray(at + 32, at + 32 + header.bytes));
    at = borderAfter(at + 32 + header.bytes);
  }
  return Buffer.concat(parts);
}

export function pathOf(baseLsn: number): string {
  return `/d/wal/${segmentName(baseLsn)}`;
}

/** Opens meta.json of `/d`, with what an ordinary node has in it. */
export async function openMeta(disk: MemoryDisk, patch: Partial<Meta> = {}): Promise<MetaStore> {
  const present = disk.files.has('/d/meta.json');
  const meta = await MetaStore.open(disk, '/d', { hasLog: present, nodeId: 'n1' });
  if (!present) {
    await meta.update({ clusterId: CLUSTER_ID, historyId: HISTORY_ID, state: 'intact', ...patch });
  }
  return meta;
}

export interface Recovered {
  readonly log: RecoveredLog;
  readonly meta: Meta;
  /** LSNs of the seals that were replayed. */
  readonly replayed: readonly number[];
}

/** Recovers `/d` as node n1 of three, unless said otherwise. */
export async function recoverFixture(
  disk: MemoryDisk,
  options: Partial<RecoverOptions> = {},
): Promise<Recovered> {
  const meta = options.meta ?? (await openMeta(disk));
  const replayed: number[] = [];
  const log = await recover({
    disk,
    clock: {
      nowMs: () => 0,
      wallMs: () => 5000,
      after: () => () => undefined,
      soon: () => undefined,
    },
    dir: '/d',
    meta,
    entropy: new SeededEntropy('recovery'),
    voters: 3,
    segmentBytes: SIZE,
    onDamage: 'refuse',
    replay: ({ last }) => replayed.push(last.lsn),
    ...options,
  });
  return { log, meta: meta.current, replayed };
}

/** What a test says of a tail that it cuts. */
export const CUT_REASON = {
  why: 'the new leader lacks it',
  by: 'n2',
  localAcks: 'unknown',
  committedLsn: 0,
} as const;
