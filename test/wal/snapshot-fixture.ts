import type { ByteRange } from '../../src/wal/format/byte-range.ts';
import type { SnapshotHeader } from '../../src/wal/snapshot/snapshot-format.ts';
import {
  encodeFooter,
  encodeSnapshotHeader,
  encodeSpan,
  newDigest,
} from '../../src/wal/snapshot/snapshot-format.ts';
import type { EpochSpan } from '../../src/wal/format/history-spans.ts';
import { SnapshotDecoder } from '../../src/wal/snapshot/snapshot-decoder.ts';
import { encodeRecord, OP, recordBytes } from '../../src/wal/format/record.ts';
import { CLUSTER_ID, HISTORY_ID } from './fixture.ts';

export const HEADER: SnapshotHeader = {
  clusterId: CLUSTER_ID,
  start: { lsn: 7, epoch: 3, chain: 0xdeadbeef },
};

/** Who wrote the log up to there. */
export const EPOCHS: readonly EpochSpan[] = [
  {
    epoch: 2,
    leader: 'n1',
    firstLsn: 1,
    historyId: HISTORY_ID,
    voters: ['n1', 'n2', 'n3'],
    quorum: 2,
  },
  { epoch: null, leader: null, firstLsn: 4 },
  {
    epoch: 3,
    leader: 'n2',
    firstLsn: 5,
    historyId: HISTORY_ID,
    voters: ['n1', 'n2', 'n3'],
    quorum: 2,
  },
];

export interface Key {
  readonly lsn: number;
  readonly key: string;
  readonly value: string | Buffer;
}

export const KEYS: readonly Key[] = [
  { lsn: 6, key: 'a', value: 'one' },
  { lsn: 8, key: 'b', value: '' },
  { lsn: 2, key: 'ba', value: 'three' },
];

/** The bytes of a snapshot, right or not. */
export function snapshotBytes(
  keys: readonly Key[],
  shape: {
    endLsn?: number;
    op?: number;
    count?: number;
    epochs?: readonly EpochSpan[];
  } = {},
): Buffer {
  const { endLsn = 9, op = OP.PUT, count = keys.length, epochs = EPOCHS } = shape;
  const parts = [encodeSnapshotHeader(HEADER)];
  for (const { lsn, key, value } of keys) {
    const record = { lsn, op, key: Buffer.from(key), value: Buffer.from(value) };
    const bytes = Buffer.alloc(recordBytes(record.key.length, record.value.length));
    encodeRecord(bytes, 0, record);
    parts.push(bytes);
  }
  for (const span of epochs) parts.push(encodeSpan(span));
  const hash = newDigest();
  for (const part of parts) hash.update(part);
  return Buffer.concat([...parts, encodeFooter(hash, endLsn, count)]);
}

/** What a decoder says of `bytes`, given in pieces of `pieceBytes`. */
export function decode(
  bytes: Buffer,
  pieceBytes = bytes.length,
): { decoder: SnapshotDecoder; keys: Key[]; fault: string | undefined } {
  const keys: Key[] = [];
  const decoder = new SnapshotDecoder((lsn, key, value) => {
    keys.push({ lsn, key: textOf(key), value: textOf(value) });
  });
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    if (decoder.add(Buffer.from(bytes.subarray(at, at + pieceBytes))) !== undefined) break;
  }
  return { decoder, keys, fault: decoder.end() };
}

const textOf = ({ bytes, start, end }: ByteRange): string =>
  Buffer.from(bytes.subarray(start, end)).toString();
