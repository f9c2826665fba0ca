/** Bytes in JSON and in parameters: as text if they are well-formed UTF-8, or as base64. */
import { WalshipError } from '../errors.ts';

/**
 * Decodes base64 in either alphabet, padded or not.
 * @throws WalshipError REQUEST_INVALID for anything else: Node's own decoder would skip it.
 */
export function decodeBase64(text: string, what: string): Buffer {
  const digits = text.replace(/={1,2}$/, '');
  if (!/^[A-Za-z0-9+/_-]*$/.test(digits) || digits.length % 4 === 1) {
    throw new WalshipError('REQUEST_INVALID', `${what} is not base64`);
  }
  return Buffer.from(digits, 'base64');
}

/** Encodes text as UTF-8. @throws WalshipError REQUEST_INVALID for half a surrogate pair, which has no UTF-8. */
export function encodeText(text: string, what: string): Buffer {
  if (!text.isWellFormed()) {
    throw new WalshipError('REQUEST_INVALID', `${what} is not well-formed Unicode: use ${what}64`);
  }
  return Buffer.from(text, 'utf8');
}
