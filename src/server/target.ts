/**
 * Request target, byte by byte. Nothing is normalised: `..`, `//` and encoded slashes belong to keys.
 */
import { WalshipError } from '../errors.ts';

export interface Target {
  /** Path as sent, still percent-encoded, without the query. */
  readonly path: string;
  /** Query as sent, without the question mark. */
  readonly query: string;
  /** Host and port of an absolute URL, as proxies send it. */
  readonly authority: string | undefined;
}

/** Splits the target of the request line. */
export function parseTarget(url: string): Target {
  const [origin, authority] = /^[a-z][a-z0-9+.-]*:\/\/([^/?]*)/i.exec(url) ?? [];
  const rest = origin === undefined ? url : url.slice(origin.length);
  const mark = rest.indexOf('?');
  if (mark < 0) return { path: rest === '' ? '/' : rest, query: '', authority };
  return { path: mark === 0 ? '/' : rest.slice(0, mark), query: rest.slice(mark + 1), authority };
}

const PERCENT = 0x25;

/**
 * Decodes percent-encoded text to bytes. Node delivers the request line as latin1: one character per byte.
 * @throws WalshipError REQUEST_INVALID for a `%` without two hexadecimal digits.
 */
export function percentDecode(text: string, what: string): Buffer {
  const source = Buffer.from(text, 'latin1');
  if (!source.includes(PERCENT)) return source;
  const target = Buffer.allocUnsafe(source.length);
  let end = 0;
  for (let offset = 0; offset < source.length; offset += 1) {
    let byte = source[offset] ?? 0;
    if (byte === PERCENT) {
      const digits = text.slice(offset + 1, offset + 3);
      if (!/^[0-9a-f]{2}$/i.test(digits)) {
        throw new WalshipError('REQUEST_INVALID', `${what} holds "%${digits}", expected %XX`);
      }
      byte = Number.parseInt(digits, 16);
      offset += 2;
    }
    target[end] = byte;
    end += 1;
  }
  return target.subarray(0, end);
}
