/** Options that the commands which talk to a cluster share, and how they read them. */
import { WalshipError } from '../errors.ts';
import { parseVersion } from '../wal/format/position.ts';

export const URL_DEFAULT = 'http://127.0.0.1:7401';
/** How much of a key or a value goes on one line. */
export const KEY_COLUMNS_MAX = 100;
export const TIMEOUT_MS_DEFAULT = 5_000;
export const TIMEOUT_MS_MAX = 600_000;
/** How much longer than the server this side waits: the server's answer says more than our own clock. */
export const GRACE_MS = 2_000;

/** What every command that talks to a cluster takes. */
export interface ClientOptions {
  /** Addresses of nodes, tried in turn; each may be a list with commas. */
  readonly url: readonly string[];
  readonly json: boolean;
  /** How long the server may take. */
  readonly timeoutMs: number;
}

/** How a command names a key: as text, or as base64url where `key64` is set. */
export interface KeyOptions {
  readonly key64: boolean;
}

/** The bytes of a key. @throws WalshipError KEY_INVALID where it is empty, or no base64url though it should be. */
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

/** `text`, if it spells a version. @throws WalshipError CONFIG_INVALID otherwise. */
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

/** The whole number that `text` spells. @throws WalshipError CONFIG_INVALID where it is none within the bounds. */
export function parseNumber(text: string, { name, min, max }: NumberBounds): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  const message = `${name} must be a whole number in [${min}, ${max}], not "${text}"`;
  throw new WalshipError('CONFIG_INVALID', message);
}
