import { MiB } from '../../ports/units.ts';
import { FILL_BYTE } from './limits.ts';

const FILL = Buffer.alloc(MiB, FILL_BYTE);

/** True if every byte of `bytes` is fill. */
export function isFill(bytes: Buffer): boolean {
  for (let offset = 0; offset < bytes.length; offset += FILL.length) {
    const end = Math.min(bytes.length, offset + FILL.length);
    if (bytes.compare(FILL, 0, end - offset, offset, end) !== 0) return false;
  }
  return true;
}

/** Length of `bytes` up to and including the last byte that is not fill. */
export function writtenBytes(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === FILL_BYTE) end -= 1;
  return end;
}
