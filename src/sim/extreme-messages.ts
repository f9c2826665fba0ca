/**
 * Messages between nodes in which one integer is as small or as large as it can be, or one beyond: each field of each
 * message in turn, found in the bytes, so that added fields are covered.
 */
import { FRAME_TYPE, CONTROL_TYPE, encodeMessage, PIECE_TYPE } from '../protocol/codec.ts';
import { toFields } from '../protocol/control-fields.ts';
import type { Message } from '../protocol/messages.ts';
import { EPOCH_MAX } from '../wal/format/limits.ts';
import { pack } from '../wal/format/msgpack.ts';

/** Values at which numbers change their encoding, the bound of epochs and LSNs, and one beyond each. */
const EXTREMES = [0, 1, 2 ** 31, 2 ** 32, EPOCH_MAX, EPOCH_MAX + 1, 2 ** 53 - 1, 2 ** 53];
/** Offset and bytes of each integer of the messages that have a header of fixed size. */
const FRAME_INTEGERS = [
  [1, 8],
  [9, 8],
  [17, 8],
  [25, 8],
  [33, 4],
  [37, 4],
  [41, 4],
] as const;
const PIECE_INTEGERS = [
  [1, 8],
  [9, 8],
] as const;

export interface ExtremeMessage {
  /** Description: kind, place of the integer, and its value. */
  readonly what: string;
  readonly bytes: Buffer;
}

/** Returns every message that differs from `message` in one integer, which is one of the extremes. */
export function extremesOf(message: Message): readonly ExtremeMessage[] {
  if (message.kind === 'frame') return inHeader(message, FRAME_INTEGERS);
  if (message.kind === 'piece') return inHeader(message, PIECE_INTEGERS);
  const fields = toFields(message);
  return pathsOfIntegers(fields).flatMap((path) =>
    EXTREMES.map((value) => ({
      what: `${message.kind} [${path.join(', ')}] = ${value}`,
      bytes: Buffer.concat([Buffer.from([CONTROL_TYPE]), pack(changed(fields, path, value))]),
    })),
  );
}

function inHeader(
  message: Message & { readonly kind: 'frame' | 'piece' },
  integers: readonly (readonly [number, number])[],
): readonly ExtremeMessage[] {
  const type = message.kind === 'frame' ? FRAME_TYPE : PIECE_TYPE;
  return integers.flatMap(([offset, size]) =>
    EXTREMES.filter((value) => value < 2 ** (8 * size)).map((value) => {
      const bytes = Buffer.from(encodeMessage(message));
      bytes[0] = type;
      if (size === 4) bytes.writeUInt32BE(value, offset);
      else bytes.writeBigUInt64BE(BigInt(value), offset);
      return { what: `${message.kind} at ${offset} = ${value}`, bytes };
    }),
  );
}

function pathsOfIntegers(fields: readonly unknown[]): readonly (readonly number[])[] {
  return fields.flatMap((field, index) => {
    if (typeof field === 'number') return [[index]];
    if (!Array.isArray(field)) return [];
    return pathsOfIntegers(field).map((path) => [index, ...path]);
  });
}

function changed(fields: readonly unknown[], path: readonly number[], value: number): unknown[] {
  const [index = 0, ...rest] = path;
  const field = fields[index];
  return fields.with(index, Array.isArray(field) ? changed(field, rest, value) : value);
}
