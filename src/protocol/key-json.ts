import { isUtf8 } from 'node:buffer';

/** A key in JSON: `{ key }`, or `{ key64 }` (base64url) if it is not UTF-8. */
export function keyToJson(key: Uint8Array): { readonly key: string } | { readonly key64: string } {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  return isUtf8(bytes) ? { key: bytes.toString('utf8') } : { key64: bytes.toString('base64url') };
}
