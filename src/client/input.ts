/** Checks of the arguments from programs, before anything is sent. */
import { WalshipError } from '../errors.ts';
import { CLIENT_MESSAGE_BYTES_MAX, CLIENT_TIMEOUT_MS_MAX } from '../protocol/client-messages.ts';
import type { ClientCondition, ClientOperation } from '../protocol/client-messages.ts';
import { KEY_BYTES_MAX, TRANSACTION_ITEMS_MAX, VALUE_BYTES_MAX } from '../wal/format/limits.ts';
import { parseVersion } from '../wal/format/position.ts';
import type { Version } from '../wal/format/position.ts';
import type { Bytes, KeyWriteOptions, Transaction } from './api.ts';

/** Bytes of an item in a message, besides its key and value. */
const ITEM_BYTES = 24;

export function toBytes(value: Bytes): Buffer {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** Converts a key to bytes. @throws WalshipError KEY_INVALID. */
export function keyBytes(key: Bytes): Buffer {
  const bytes = toBytes(key);
  if (bytes.length >= 1 && bytes.length <= KEY_BYTES_MAX) return bytes;
  const message = `a key of ${bytes.length} bytes, expected 1 to ${KEY_BYTES_MAX}`;
  throw new WalshipError('KEY_INVALID', message, { outcome: 'rejected' });
}

/** Parses a version; `name` is for the message. @throws WalshipError REQUEST_INVALID. */
export function versionOf(name: string, text: string): Version {
  const version = parseVersion(text);
  if (version !== undefined) return version;
  throw new WalshipError(
    'REQUEST_INVALID',
    `${name} is "${text}", expected a version such as 3.17`,
    {
      outcome: 'rejected',
    },
  );
}

/** Checks a time limit; returns `otherwise` if none is given. @throws WalshipError REQUEST_INVALID. */
export function timeoutOf(timeoutMs: number | undefined, otherwise: number): number {
  if (timeoutMs === undefined) return otherwise;
  if (timeoutMs >= 1 && timeoutMs <= CLIENT_TIMEOUT_MS_MAX) return Math.ceil(timeoutMs);
  const message = `timeoutMs is ${timeoutMs}, expected 1 to ${CLIENT_TIMEOUT_MS_MAX}`;
  throw new WalshipError('REQUEST_INVALID', message, { outcome: 'rejected' });
}

/** Returns the condition on a key. @throws WalshipError REQUEST_INVALID. */
export function expectOf({
  ifMatch,
  ifAbsent,
}: KeyWriteOptions): ClientCondition['expect'] | undefined {
  if (ifMatch !== undefined && ifAbsent === true) {
    throw new WalshipError('REQUEST_INVALID', 'ifMatch and ifAbsent exclude each other', {
      outcome: 'rejected',
    });
  }
  if (ifMatch === undefined) return ifAbsent === true ? 'absent' : undefined;
  return ifMatch === '*' ? 'present' : versionOf('ifMatch', ifMatch);
}

export function conditionOf({
  key,
  version,
}: NonNullable<Transaction['if']>[number]): ClientCondition {
  const expect =
    version === null ? 'absent' : version === '*' ? 'present' : versionOf('if.version', version);
  return { key: keyBytes(key), expect };
}

export function operationOf(operation: Transaction['ops'][number]): ClientOperation {
  const key = keyBytes(operation.key);
  if (operation.op === 'delete') return { op: 'delete', key, value: Buffer.alloc(0) };
  return { op: 'put', key, value: toBytes(operation.value) };
}

/** Refuses a size that no node would take. @throws WalshipError KEY_INVALID, VALUE_TOO_LARGE, TXN_TOO_LARGE. */
export function checkSize(
  name: string,
  input:
    | Uint8Array
    | undefined
    | {
        readonly conditions: readonly ClientCondition[];
        readonly ops: readonly ClientOperation[];
      },
): void {
  if (input === undefined) return;
  if (input instanceof Uint8Array) {
    if (input.length <= KEY_BYTES_MAX) return;
    throw new WalshipError(
      'KEY_INVALID',
      `${name} of ${input.length} bytes, at most ${KEY_BYTES_MAX}`,
    );
  }
  let bytes = ITEM_BYTES;
  for (const { key } of input.conditions) bytes += ITEM_BYTES + key.length;
  for (const { key, value } of input.ops) {
    bytes += ITEM_BYTES + key.length + value.length;
    if (value.length <= VALUE_BYTES_MAX) continue;
    const message = `a value of ${value.length} bytes, at most ${VALUE_BYTES_MAX}`;
    throw new WalshipError('VALUE_TOO_LARGE', message, { outcome: 'rejected' });
  }
  const items = input.conditions.length + input.ops.length;
  if (bytes <= CLIENT_MESSAGE_BYTES_MAX && items <= TRANSACTION_ITEMS_MAX) return;
  throw new WalshipError('TXN_TOO_LARGE', `a ${name} of ${items} items and ${bytes} bytes`, {
    outcome: 'rejected',
  });
}
