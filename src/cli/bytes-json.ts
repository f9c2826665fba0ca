/** How bytes stand in JSON: as text where they are UTF-8, else as base64 under a name that ends in 64. */

/** `{ [name]: text }`, or `{ [name64]: base64url }` where the bytes are not UTF-8. */
export function bytesToJson(name: string, bytes: Buffer): Record<string, string> {
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes)
    ? { [name]: text }
    : { [`${name}64`]: bytes.toString('base64url') };
}

/** The bytes that `object` holds under `name` or `name64`; undefined where it holds neither. */
export function bytesFromJson(
  name: string,
  object: Readonly<Record<string, unknown>>,
): Buffer | undefined {
  const text = object[name];
  if (typeof text === 'string') return Buffer.from(text, 'utf8');
  const base64 = object[`${name}64`];
  // Node's base64 reads both alphabets.
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64') : undefined;
}

/** Bytes on one line of a terminal: text as it is, everything else as base64 with a mark. */
export function bytesForPeople(bytes: Buffer, columnsMax: number): string {
  const text = bytes.toString('utf8');
  const printable =
    Buffer.from(text, 'utf8').equals(bytes) &&
    !/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u.test(text);
  const shown = printable ? text : `base64:${bytes.toString('base64url')}`;
  return shown.length > columnsMax
    ? `${shown.slice(0, columnsMax)}… (${bytes.length} bytes)`
    : shown;
}
