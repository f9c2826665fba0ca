/** The body of `POST /v1/txn`, checked field by field. */
import { WalshipError } from '../errors.ts';
import type { Condition, WriteOperation } from '../node/api.ts';
import { parseVersion } from '../wal/position.ts';
import { decodeBase64, encodeText } from './bytes-json.ts';
import { checkKey } from './keys.ts';

export interface Transaction {
  readonly conditions: readonly Condition[];
  readonly ops: readonly WriteOperation[];
}

type Fields = Readonly<Record<string, unknown>>;

/** @throws WalshipError REQUEST_INVALID or KEY_INVALID, naming the place. */
export function parseTransaction(body: Buffer): Transaction {
  const fields = objectAt(parseJson(body), 'the body', ['if', 'ops']);
  const conditions = listAt(fields['if'] ?? [], 'if').map(parseCondition);
  const ops = listAt(fields['ops'] ?? [], 'ops').map(parseOperation);
  if (ops.length === 0 && conditions.length === 0) throw invalid('the transaction is empty');
  return { conditions, ops };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new WalshipError('REQUEST_INVALID', 'the body is not JSON', { cause });
  }
}

function parseCondition(value: unknown, index: number): Condition {
  const where = `if[${index}]`;
  const fields = objectAt(value, where, ['key', 'key64', 'version']);
  const { version } = fields;
  const key = keyAt(fields, where);
  if (version === null) return { key, expect: 'absent' };
  if (version === '*') return { key, expect: 'present' };
  const expect = typeof version === 'string' ? parseVersion(version) : undefined;
  if (expect === undefined) {
    throw invalid(`${where}.version must be a version such as "3.17", "*" or null`);
  }
  return { key, expect };
}

function parseOperation(value: unknown, index: number): WriteOperation {
  const where = `ops[${index}]`;
  const fields = objectAt(value, where, ['op', 'key', 'key64', 'value', 'value64']);
  const key = keyAt(fields, where);
  const { op } = fields;
  const text = fields['value'] ?? fields['value64'];
  if (fields['value'] !== undefined && fields['value64'] !== undefined) {
    throw invalid(`${where} has value and value64, expected one`);
  }
  if (op === 'delete') {
    if (text !== undefined) throw invalid(`${where} is a delete with a value`);
    return { op, key, value: Buffer.alloc(0) };
  }
  if (op !== 'put') throw invalid(`${where}.op must be "put" or "delete"`);
  if (typeof text !== 'string') throw invalid(`${where}.value must be a string of base64`);
  return { op, key, value: decodeBase64(text, `${where}.value`) };
}

function keyAt(fields: Fields, where: string): Buffer {
  const { key, key64 } = fields;
  if (typeof key === 'string' && key64 === undefined) {
    return checkKey(encodeText(key, `${where}.key`));
  }
  if (typeof key64 === 'string' && key === undefined) {
    return checkKey(decodeBase64(key64, `${where}.key64`));
  }
  throw invalid(`${where} must have either key or key64, a string`);
}

function listAt(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid(`${where} must be a list`);
}

function objectAt(value: unknown, where: string, names: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(`${where} must be an object`);
  }
  const unknown = Object.keys(value).filter((name) => !names.includes(name));
  if (unknown.length > 0) throw invalid(`${where} has unknown fields: ${unknown.join(', ')}`);
  return value as Fields;
}

function invalid(message: string): WalshipError {
  return new WalshipError('REQUEST_INVALID', message);
}
