/**
 * A piece of a snapshot file after a header of fixed size, all integers big-endian.
 *
 *   0      1         9         17
 *   +------+---------+---------+-------+
 *   | 3 u8 | epoch   | offset  | bytes |
 *   |      | u64     | u64     | …     |
 *   +------+---------+---------+-------+
 *
 * There is no checksum: the file carries its own, record by record and as a whole.
 */
import assert from 'node:assert';
import { EPOCH_MAX } from '../wal/format/limits.ts';
import { FRAME_BYTES_MAX } from './messages.ts';
import type { SnapshotPiece } from './messages.ts';

export const PIECE_HEADER_BYTES = 17;
const PIECE_TYPE_BYTE = 3;

export type DecodedPiece =
  | { readonly kind: 'message'; readonly message: SnapshotPiece }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Encodes a piece by copying its bytes into a new buffer. */
export function encodePiece({ epoch, offset, bytes }: SnapshotPiece): Buffer {
  const target = Buffer.allocUnsafe(PIECE_HEADER_BYTES + bytes.length);
  target.set(bytes, PIECE_HEADER_BYTES);
  return completePiece(target, { epoch, offset });
}

/** Writes the header in front of the bytes, which begin at PIECE_HEADER_BYTES of `target`; returns `target`. */
export function completePiece(
  target: Buffer,
  { epoch, offset }: Pick<SnapshotPiece, 'epoch' | 'offset'>,
): Buffer {
  const bytes = target.length - PIECE_HEADER_BYTES;
  assert(bytes >= 1 && bytes <= FRAME_BYTES_MAX, 'a piece has 1 to FRAME_BYTES_MAX');
  target[0] = PIECE_TYPE_BYTE;
  target.writeBigUInt64BE(BigInt(epoch), 1);
  target.writeBigUInt64BE(BigInt(offset), 9);
  return target;
}

/** Decodes a piece; never throws, whatever the bytes. The result aliases `source`. */
export function decodePiece(source: Buffer): DecodedPiece {
  if (source.length <= PIECE_HEADER_BYTES || source[0] !== PIECE_TYPE_BYTE) {
    return { kind: 'invalid', reason: `a piece of ${source.length} bytes` };
  }
  const bytes = source.subarray(PIECE_HEADER_BYTES);
  const epoch = Number(source.readBigUInt64BE(1));
  const offset = Number(source.readBigUInt64BE(9));
  if (epoch > EPOCH_MAX || !Number.isSafeInteger(offset)) {
    return { kind: 'invalid', reason: 'an epoch or offset in a piece that exceeds its bound' };
  }
  if (bytes.length > FRAME_BYTES_MAX) {
    return {
      kind: 'invalid',
      reason: `${bytes.length} bytes in a piece, at most ${FRAME_BYTES_MAX}`,
    };
  }
  return { kind: 'message', message: { kind: 'piece', epoch, offset, bytes } };
}
