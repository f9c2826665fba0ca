import type { ByteRange } from '../wal/format/byte-range.ts';

/** Largest copy for which a loop is faster than a native call, which needs a new view object. */
const LOOP_BYTES_MAX = 112;

/** Copies all of `source` to `offset` of a slab's memory. */
export function copyBytes(
  source: ByteRange,
  target: { readonly bytes: Buffer; readonly data: DataView },
  offset: number,
): void {
  const { bytes, start, end } = source;
  if (end - start > LOOP_BYTES_MAX) {
    target.bytes.set(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start), offset);
    return;
  }
  const { data } = source;
  const shift = offset - start;
  let at = start;
  for (; at + 4 <= end; at += 4) target.data.setInt32(at + shift, data.getInt32(at, true), true);
  for (; at < end; at += 1) target.data.setUint8(at + shift, data.getUint8(at));
}
