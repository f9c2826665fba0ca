import { WalshipError } from '../errors.ts';
import { KEY_BYTES_MAX } from '../wal/format/limits.ts';
import type { Exchange } from './exchange.ts';
import { percentDecode } from './target.ts';

/**
 * Returns the key that a request names: the bytes after `/v1/kv/`, or `?key64=` if there are none.
 * @throws WalshipError KEY_INVALID or REQUEST_INVALID.
 */
export function keyOf({ tail, query }: Exchange): Buffer {
  const inPath = percentDecode(tail, 'the path');
  const inQuery = query.base64('key64');
  if (inPath.length > 0 && inQuery !== undefined) {
    throw new WalshipError('REQUEST_INVALID', 'a key in the path and in key64, expected one');
  }
  return checkKey(inQuery ?? inPath);
}

/** Checks the length of a key, and returns it. @throws WalshipError KEY_INVALID. */
export function checkKey(key: Buffer): Buffer {
  if (key.length >= 1 && key.length <= KEY_BYTES_MAX) return key;
  const message = `a key of ${key.length} bytes, expected 1 to ${KEY_BYTES_MAX}`;
  throw new WalshipError('KEY_INVALID', message);
}
