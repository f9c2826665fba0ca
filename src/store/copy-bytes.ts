/** Below this a loop beats the call into native code. */
const LOOP_BYTES_MAX = 48;

/** Copies all of `source` to `target` at `offset`. */
export function copyBytes(source: Uint8Array, target: Buffer, offset: number): void {
  const length = source.length;
  if (length > LOOP_BYTES_MAX) {
    target.set(source, offset);
    return;
  }
  for (let i = 0; i < length; i++) target[offset + i] = source[i] as number;
}
