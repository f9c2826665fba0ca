import assert from 'node:assert';
import { pack, unpack } from '../wal/format/msgpack.ts';
import { fromFields } from './control-reader.ts';
import type { DecodedControl } from './control-reader.ts';
import { toFields } from './control-fields.ts';
import { decodeFrame, encodeFrame } from './frame.ts';
import type { DecodedFrame } from './frame.ts';
import { decodePiece, encodePiece } from './snapshot-piece.ts';
import type { DecodedPiece } from './snapshot-piece.ts';
import { CONTROL_BYTES_MAX } from './messages.ts';
import type { ControlMessage, Message } from './messages.ts';

/** First byte of a message: the format of the rest. */
export const CONTROL_TYPE = 1;
export const FRAME_TYPE = 2;
export const PIECE_TYPE = 3;

export type DecodedMessage = DecodedControl | DecodedFrame | DecodedPiece;

/** Encodes a message, which starts with its type byte, into a new buffer. */
export function encodeMessage(message: Message): Buffer {
  if (message.kind === 'frame') return encodeFrame(message);
  if (message.kind === 'piece') return encodePiece(message);
  return encodeControl(message);
}

/**
 * Decodes a message; never throws, whatever the bytes. The bytes of a frame or snapshot piece alias `bytes`; nothing else does.
 * `version` means a hello, ask or fetch of another protocol version: refuse it with UNSUPPORTED_VERSION.
 */
export function decodeMessage(bytes: Buffer): DecodedMessage {
  switch (bytes[0]) {
    case CONTROL_TYPE: {
      const unpacked = unpack(bytes.subarray(1), CONTROL_BYTES_MAX - 1);
      if (unpacked.kind === 'invalid') return { kind: 'invalid', reason: unpacked.reason };
      return fromFields(unpacked.value);
    }
    case FRAME_TYPE:
      return decodeFrame(bytes);
    case PIECE_TYPE:
      return decodePiece(bytes);
    case undefined:
      return { kind: 'invalid', reason: 'an empty message' };
    default:
      return { kind: 'invalid', reason: `message type ${bytes[0]}` };
  }
}

function encodeControl(message: ControlMessage): Buffer {
  const packed = pack(toFields(message));
  assert(packed.length < CONTROL_BYTES_MAX, 'a control message exceeds CONTROL_BYTES_MAX');
  const bytes = Buffer.allocUnsafe(1 + packed.length);
  bytes[0] = CONTROL_TYPE;
  packed.copy(bytes, 1);
  return bytes;
}
