import { Packr, Unpackr } from 'msgpackr/pack';

const packr = new Packr({ useRecords: false });
// `auto` (a number where it is safe, else a bigint) works, but is missing from the package's types.
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'auto' as 'number' });

export type Unpacked =
  | { readonly kind: 'ok'; readonly value: unknown }
  /** What is wrong, in words; the caller turns it into PROTOCOL_ERROR or into damage. */
  | { readonly kind: 'invalid'; readonly reason: string };

/** The msgpack form of `value`, in a buffer of its own. */
export function pack(value: unknown): Buffer {
  return Buffer.from(packr.pack(value));
}

/**
 * Decodes one whole msgpack value; never throws, whatever the bytes. More than `bytesMax` bytes are refused unread.
 * The shape is the caller's to check, and binaries alias `bytes`.
 */
export function unpack(bytes: Uint8Array, bytesMax: number): Unpacked {
  if (bytes.length > bytesMax) {
    return { kind: 'invalid', reason: `${bytes.length} bytes, at most ${bytesMax}` };
  }
  try {
    return { kind: 'ok', value: unpackr.unpack(bytes) as unknown };
  } catch (cause) {
    return { kind: 'invalid', reason: cause instanceof Error ? cause.message : String(cause) };
  }
}
