/**
 * Frame: raw log bytes after a header of fixed size, all integers big-endian.
 *
 *   0      1         9            17           25         33          37           41          45
 *   +------+---------+------------+------------+----------+-----------+------------+-----------+-------+
 *   | 2 u8 | epoch   | commit LSN | previous   | previous | previous  | piece      | piece     | bytes |
 *   |      | u64     | u64        | epoch u64  | LSN u64  | chain u32 | index u32  | count u32 | …     |
 *   +------+---------+------------+------------+----------+-----------+------------+-----------+-------+
 *
 * There is no checksum: the bytes carry their own, record by record, and a header that was altered leads to a chain
 * or an LSN that does not continue.
 */
import assert from 'node:assert';
import { EPOCH_MAX, LSN_MAX } from '../wal/format/limits.ts';
import { PIECES_MAX } from './limits.ts';
import { FRAME_BYTES_MAX } from './messages.ts';
import type { Frame } from './messages.ts';

export const FRAME_HEADER_BYTES = 45;
const FRAME_TYPE_BYTE = 2;
const TWO_TO_32 = 2 ** 32;

export type DecodedFrame =
  | { readonly kind: 'message'; readonly message: Frame }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Encodes a frame by copying its bytes: into the beginning of `room`, which must be large enough, or into a new buffer. */
export function encodeFrame(frame: Frame, room?: Buffer): Buffer {
  const { previous, bytes } = frame;
  const fault = pieceFault(frame.pieceIndex, frame.pieceCount, bytes.length);
  assert(fault === undefined, fault);
  const length = FRAME_HEADER_BYTES + bytes.length;
  const target = room?.subarray(0, length) ?? Buffer.allocUnsafe(length);
  target[0] = FRAME_TYPE_BYTE;
  writeU64(target, 1, frame.epoch);
  writeU64(target, 9, frame.commitLsn);
  writeU64(target, 17, previous.epoch);
  writeU64(target, 25, previous.lsn);
  target.writeUInt32BE(previous.chain, 33);
  target.writeUInt32BE(frame.pieceIndex, 37);
  target.writeUInt32BE(frame.pieceCount, 41);
  target.set(bytes, FRAME_HEADER_BYTES);
  return target;
}

/** Decodes a frame; never throws, whatever the bytes. The result aliases `source`. */
export function decodeFrame(source: Buffer): DecodedFrame {
  if (source.length < FRAME_HEADER_BYTES) return invalid(`a frame of ${source.length} bytes`);
  if (source[0] !== FRAME_TYPE_BYTE) return invalid('not a frame');
  const epoch = readU64(source, 1);
  const commitLsn = readU64(source, 9);
  const previousEpoch = readU64(source, 17);
  const previousLsn = readU64(source, 25);
  if (Math.max(epoch, previousEpoch) > EPOCH_MAX || Math.max(commitLsn, previousLsn) > LSN_MAX) {
    return invalid(`an epoch or LSN in a frame that exceeds ${EPOCH_MAX}`);
  }
  const pieceIndex = source.readUInt32BE(37);
  const pieceCount = source.readUInt32BE(41);
  const bytes = source.subarray(FRAME_HEADER_BYTES);
  const fault = pieceFault(pieceIndex, pieceCount, bytes.length);
  if (fault !== undefined) return invalid(fault);
  const previous = { epoch: previousEpoch, lsn: previousLsn, chain: source.readUInt32BE(33) };
  return {
    kind: 'message',
    message: { kind: 'frame', epoch, commitLsn, previous, pieceIndex, pieceCount, bytes },
  };
}

function pieceFault(index: number, count: number, bytes: number): string | undefined {
  if (bytes > FRAME_BYTES_MAX) return `${bytes} bytes in a frame, at most ${FRAME_BYTES_MAX}`;
  if (count < 1 || count > PIECES_MAX) return `${count} pieces, expected 1 to ${PIECES_MAX}`;
  if (index >= count) return `piece ${index} of ${count}`;
  if (count > 1 && bytes === 0) return 'an empty piece';
  return undefined;
}

function writeU64(target: Buffer, offset: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'a number on the wire is a safe integer');
  target.writeUInt32BE(Math.floor(value / TWO_TO_32), offset);
  target.writeUInt32BE(value % TWO_TO_32, offset + 4);
}

function readU64(source: Buffer, offset: number): number {
  return source.readUInt32BE(offset) * TWO_TO_32 + source.readUInt32BE(offset + 4);
}

function invalid(reason: string): DecodedFrame {
  return { kind: 'invalid', reason };
}
