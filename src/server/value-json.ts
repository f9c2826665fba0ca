import { KiB } from '../ports/units.ts';

/** Bytes of a value in one piece; a multiple of three, so that pieces of base64 join. */
const PIECE_BYTES = 48 * KiB;

export interface ValueObject {
  /** Fields before `value64`, one at least. */
  readonly head: object;
  readonly value: Buffer;
  /** Fields after `value64`, one at least. */
  readonly tail: object;
  /** Text after the object. */
  readonly end: string;
}

/**
 * The JSON of an object with a value in base64, in pieces. Base64 needs no escapes: so a large value is never one text, and
 * nothing takes long.
 */
export function* jsonWithValue({
  head,
  value,
  tail,
  end,
}: ValueObject): Generator<Buffer, void, void> {
  const before = `${JSON.stringify(head).slice(0, -1)},"value64":"`;
  const behind = `",${JSON.stringify(tail).slice(1)}${end}`;
  if (value.length <= PIECE_BYTES) {
    yield Buffer.from(`${before}${value.toString('base64')}${behind}`, 'utf8');
    return;
  }
  yield Buffer.from(before, 'utf8');
  for (let offset = 0; offset < value.length; offset += PIECE_BYTES) {
    yield Buffer.from(value.toString('base64', offset, offset + PIECE_BYTES), 'latin1');
  }
  yield Buffer.from(behind, 'utf8');
}
