/** How bytes stand in JSON, as in HTTP: keys as text where they are UTF-8, values always as base64. */
import { isUtf8 } from 'node:buffer';

/** `{ key }`, or `{ key64 }` (base64url) where the key is not UTF-8. */
export function keyToJson(key: Buffer): { readonly key: string } | { readonly key64: string } {
  return isUtf8(key) ? { key: key.toString('utf8') } : { key64: key.toString('base64url') };
}

/** Bytes on one line of a terminal: text as it is, everything else as base64 with a mark. */
export function bytesForPeople(bytes: Buffer, columnsMax: number): string {
  const text = bytes.toString('utf8');
  const printable = isUtf8(bytes) && !/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u.test(text);
  const shown = printable ? text : `base64:${bytes.toString('base64url')}`;
  return shown.length > columnsMax
    ? `${shown.slice(0, columnsMax)}… (${bytes.length} bytes)`
    : shown;
}
