const NO_BYTES = new Uint8Array(0);
const NO_DATA = new DataView(NO_BYTES.buffer);

/**
 * A stretch of bytes that somebody else holds. It can be moved along, where a buffer of its own for each key and value would
 * cost more than the work on it. Four bytes at a time through `data` are several times as fast as one by one.
 */
export class ByteRange {
  bytes: Uint8Array = NO_BYTES;
  /** The same memory as `bytes`. */
  data: DataView = NO_DATA;
  start = 0;
  /** Just past the last byte. */
  end = 0;

  /** All of `bytes`. */
  static of(bytes: Uint8Array): ByteRange {
    const range = new ByteRange();
    range.bytes = bytes;
    range.data = dataOf(bytes);
    range.end = bytes.length;
    return range;
  }

  get length(): number {
    return this.end - this.start;
  }
}

/** The memory of `bytes`, to read numbers from. */
export function dataOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
