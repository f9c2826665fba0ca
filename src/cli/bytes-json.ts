/** How bytes stand in JSON, as in HTTP: keys as text where they are UTF-8, values always as base64. */
import { isUtf8 } from 'node:buffer';

/** `{ key }`, or `{ key64 }` (base64url) where the key is not UTF-8. */
export function keyToJson(key: Buffer): { readonly key: string } | { readonly key64: string } {
  return isUtf8(key) ? { key: key.toString('utf8') } : { key64: key.toString('base64url') };
}

/** The key of an entry of a server's answer; empty where it has none. */
export function keyFromJson(entry: Readonly<Record<string, unknown>>): Buffer {
  const { key, key64 } = entry as { readonly key?: unknown; readonly key64?: unknown };
  if (typeof key === 'string') return Buffer.from(key, 'utf8');
  return Buffer.from(typeof key64 === 'string' ? key64 : '', 'base64url');
}

/** The value of an entry of a server's answer; undefined where it has none. */
export function valueFromJson(entry: Readonly<Record<string, unknown>>): Buffer | undefined {
  const { value64 } = entry as { readonly value64?: unknown };
  return typeof value64 === 'string' ? Buffer.from(value64, 'base64') : undefined;
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
