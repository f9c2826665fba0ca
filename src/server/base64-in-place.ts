import { parseText } from './json-cursor.ts';
import type { JsonString } from './json-cursor.ts';

/** Characters that are decoded in one turn of the event loop; a multiple of four. */
const PIECE_CHARS = 64 * 1024;
/** Length of the longest escape, `\uXXXX`. */
const ESCAPE_CHARS = 6;
const BACKSLASH = 0x5c;

/**
 * Decodes a long base64 string of a JSON text, in either alphabet, padded or not, and writes the bytes over the text
 * itself: they are fewer, and the text is no longer needed. Returns a view of `bytes`; undefined where the string is
 * not base64.
 */
export function* decodeInPlace(
  bytes: Buffer,
  { start, end, escaped }: JsonString,
): Generator<void, Buffer | undefined, void> {
  let from = start;
  let target = start;
  let text = '';
  while (from < end) {
    const cut = escaped ? pieceEnd(bytes, from, end) : Math.min(end, from + PIECE_CHARS);
    const piece = bytes.toString('latin1', from, cut);
    const plain = escaped ? parseText(piece) : piece;
    if (plain === undefined) return undefined;
    from = cut;
    text += plain;
    const digits = from === end ? text.replace(/={1,2}$/, '') : text.slice(0, text.length & ~3);
    // Node's decoder skips characters outside of the alphabet: then there are too few bytes.
    const bytesMin = Math.floor((digits.length * 3) / 4);
    if (digits.length % 4 === 1 || bytes.write(digits, target, 'base64') !== bytesMin) {
      return undefined;
    }
    target += bytesMin;
    text = text.slice(digits.length);
    yield;
  }
  return bytes.subarray(start, target);
}

/** Returns the end of the next piece, which cuts no escape. */
function pieceEnd(bytes: Buffer, from: number, end: number): number {
  const cut = from + PIECE_CHARS;
  if (cut >= end) return end;
  const escape = bytes.subarray(cut - ESCAPE_CHARS + 1, cut).lastIndexOf(BACKSLASH);
  return escape < 0 ? cut : cut - ESCAPE_CHARS + 1 + escape;
}
