/**
 * The EPOCH record opens every leadership. Its key is the leader's node id (UTF-8), its value
 *
 *   0           8                24
 *   +-----------+----------------+-------------------------------+
 *   | epoch u64 | history id 16 B| msgpack [[voter, …], quorum]  |
 *   +-----------+----------------+-------------------------------+
 */
import assert from 'node:assert';
import type { LogOperation } from './record.ts';
import { EPOCH_MAX } from './limits.ts';
import { pack, unpack } from './msgpack.ts';
import { encodeRecord, OP, readU64, writeU64 } from './record.ts';
import type { RecordView } from './record.ts';
import type { EpochEntry } from './position.ts';

/** Maximum number of voters of a cluster. */
export const VOTERS_MAX = 64;
/** Maximum length of a node id in bytes of UTF-8. */
export const NODE_ID_BYTES_MAX = 255;
const FIXED_BYTES = 24;
const MSGPACK_BYTES_MAX = 32 * 1024;
const ID_PATTERN = /^[0-9a-f]{32}$/;

/** Content of an EPOCH record, without its LSN. */
export type EpochStart = Omit<EpochEntry, 'firstLsn'>;

/** True for 16 bytes as 32 lower-case hexadecimal digits: the form of cluster and history ids. */
export function isId(value: unknown): value is string {
  return typeof value === 'string' && ID_PATTERN.test(value);
}

/** Encodes the value of an EPOCH record into a new buffer; the record's key is the leader's node id. */
export function encodeEpochValue(start: EpochStart): Buffer {
  const inRange = Number.isSafeInteger(start.epoch) && start.epoch >= 1 && start.epoch <= EPOCH_MAX;
  assert(inRange, 'an epoch is 1 to EPOCH_MAX');
  assert(isId(start.historyId), 'a history id has 32 hexadecimal digits');
  assert(!votersFault(start.voters, start.quorum), 'voters and quorum must be sensible');
  const fixed = Buffer.alloc(FIXED_BYTES);
  writeU64(fixed, 0, start.epoch);
  fixed.write(start.historyId, 8, 'hex');
  return Buffer.concat([fixed, pack([start.voters, start.quorum])]);
}

/** Returns the operation that begins the leadership. */
export function epochOperation(start: EpochStart): LogOperation {
  return { op: OP.EPOCH, key: Buffer.from(start.leader, 'utf8'), value: encodeEpochValue(start) };
}

/** Writes the EPOCH record of `entry` at `offset` and returns the offset just past it. */
export function encodeEpochRecord(target: Buffer, offset: number, entry: EpochEntry): number {
  return encodeRecord(target, offset, { lsn: entry.firstLsn, ...epochOperation(entry) });
}

/** Decodes a record of op EPOCH; returns the entry, or the fault as text. Never throws. */
export function decodeEpochRecord(record: RecordView): EpochEntry | string {
  const { key, value } = record;
  const leader = key.toString('utf8');
  if (key.length > NODE_ID_BYTES_MAX || !Buffer.from(leader, 'utf8').equals(key)) {
    return 'an EPOCH record whose leader is not a node id';
  }
  if (value.length < FIXED_BYTES) return `an EPOCH value of ${value.length} bytes`;
  const epoch = readU64(value, 0);
  if (epoch < 1 || epoch > EPOCH_MAX) return `epoch ${epoch}, expected 1 to ${EPOCH_MAX}`;
  const unpacked = unpack(value.subarray(FIXED_BYTES), MSGPACK_BYTES_MAX);
  if (unpacked.kind === 'invalid') return `an EPOCH value that does not decode: ${unpacked.reason}`;
  const shape = unpacked.value;
  if (!Array.isArray(shape) || shape.length !== 2) return 'an EPOCH value of another shape';
  const [voters, quorum] = shape as readonly unknown[];
  const fault = votersFault(voters, quorum);
  if (fault !== undefined) return fault;
  return {
    epoch,
    leader,
    firstLsn: record.lsn,
    historyId: value.toString('hex', 8, FIXED_BYTES),
    voters: voters as string[],
    quorum: quorum as number,
  };
}

function votersFault(voters: unknown, quorum: unknown): string | undefined {
  if (!Array.isArray(voters) || voters.length < 1 || voters.length > VOTERS_MAX) {
    return `an EPOCH record needs 1 to ${VOTERS_MAX} voters`;
  }
  const named = voters.every(
    (voter) =>
      typeof voter === 'string' &&
      voter.length > 0 &&
      Buffer.byteLength(voter, 'utf8') <= NODE_ID_BYTES_MAX,
  );
  if (!named || new Set(voters).size !== voters.length) {
    return 'an EPOCH record whose voters are not distinct node ids';
  }
  if (!Number.isInteger(quorum) || (quorum as number) < 1 || (quorum as number) > voters.length) {
    return 'an EPOCH record whose quorum does not fit its voters';
  }
  return undefined;
}
