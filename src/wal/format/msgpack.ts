import { Packr, Unpackr } from 'msgpackr/pack';

const packr = new Packr({ useRecords: false });
// `auto` (a number if it is safe, otherwise a bigint) works, but is missing from the package's types.
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'auto' as 'number' });

export type Unpacked =
  | { readonly kind: 'ok'; readonly value: unknown }
  /** A fault in words; the caller turns it into PROTOCOL_ERROR or into damage. */
  | { readonly kind: 'invalid'; readonly reason: string };

/** Encodes `value` as msgpack into a new buffer. */
export function pack(value: unknown): Buffer {
  return Buffer.from(packr.pack(value));
}

/**
 * Decodes one whole msgpack value; never throws, whatever the bytes. More than `bytesMax` bytes are refused without decoding.
 * The caller must check the shape; binaries alias `bytes`.
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
