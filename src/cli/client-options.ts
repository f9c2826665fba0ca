/** Options shared by the commands that talk to a cluster, and their parsing. */
import { WalshipError } from '../errors.ts';
import { parseVersion } from '../wal/format/position.ts';

export const URL_DEFAULT = 'http://127.0.0.1:7401';
/** Columns of a key or a value on one line. */
export const KEY_COLUMNS_MAX = 100;
export const TIMEOUT_MS_DEFAULT = 5_000;
export const TIMEOUT_MS_MAX = 600_000;
/** Milliseconds that this side waits longer than the server: the server's answer says more than our own clock. */
export const GRACE_MS = 2_000;

/** Options of every command that talks to a cluster. */
export interface ClientOptions {
  /** Addresses of nodes, tried in turn; each may be a list with commas. */
  readonly url: readonly string[];
  readonly json: boolean;
  /** Time limit for the server, in milliseconds. */
  readonly timeoutMs: number;
}

/** Form of a key on the command line: text, or base64url if `key64` is set. */
export interface KeyOptions {
  readonly key64: boolean;
}

/**
 * Returns the bytes of a key. @throws WalshipError KEY_INVALID if it is empty, or not base64url although it should
 * be.
 */
export function parseKey(text: string, { key64 }: KeyOptions): Buffer {
  if (key64 && !/^[A-Za-z0-9_-]*$/.test(text)) {
    throw new WalshipError('KEY_INVALID', `key "${text}" is not base64url`, {
      outcome: 'rejected',
    });
  }
  const key = Buffer.from(text, key64 ? 'base64url' : 'utf8');
  if (key.length === 0) {
    throw new WalshipError('KEY_INVALID', 'the key is empty', { outcome: 'rejected' });
  }
  return key;
}

/** Returns `text` if it is a version. @throws WalshipError CONFIG_INVALID otherwise. */
export function checkVersion(name: string, text: string): string {
  if (parseVersion(text) !== undefined) return text;
  throw new WalshipError('CONFIG_INVALID', `${name} must be EPOCH.LSN, as in 3.42, not "${text}"`);
}

/** Bounds of a number on the command line. */
export interface NumberBounds {
  readonly name: string;
  readonly min: number;
  readonly max: number;
}

/** Parses a whole number. @throws WalshipError CONFIG_INVALID if `text` is none within the bounds. */
export function parseNumber(text: string, { name, min, max }: NumberBounds): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  const message = `${name} must be a whole number in [${min}, ${max}], not "${text}"`;
  throw new WalshipError('CONFIG_INVALID', message);
}
