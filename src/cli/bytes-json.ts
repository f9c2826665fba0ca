import { isUtf8 } from 'node:buffer';

/** Formats bytes for one line of a terminal: text unchanged, everything else as base64 with a mark. */
export function bytesForPeople(bytes: Buffer, columnsMax: number): string {
  const text = bytes.toString('utf8');
  const printable = isUtf8(bytes) && !/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u.test(text);
  const shown = printable ? text : `base64:${bytes.toString('base64url')}`;
  return shown.length > columnsMax
    ? `${shown.slice(0, columnsMax)}… (${bytes.length} bytes)`
    : shown;
}
