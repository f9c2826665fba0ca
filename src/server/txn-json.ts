/**
 * Parses the body of `POST /v1/txn`, and checks it field by field. A parser that builds the whole value first is not
 * used: 48 MiB of the smallest objects become more than a gigabyte, in one turn of many seconds.
 */
import { WalshipError } from '../errors.ts';
import type { Condition, WriteOperation } from '../node/api/api.ts';
import { TRANSACTION_ITEMS_MAX } from '../wal/format/limits.ts';
import { parseVersion } from '../wal/format/position.ts';
import { decodeInPlace } from './base64-in-place.ts';
import { decodeBase64, encodeText } from './bytes-json.ts';
import { JsonCursor } from './json-cursor.ts';
import type { JsonString } from './json-cursor.ts';
import { checkKey } from './keys.ts';
import { invalidRequest } from './invalid-request.ts';

export interface Transaction {
  readonly conditions: readonly Condition[];
  readonly ops: readonly WriteOperation[];
}

/** Number of items that are read in one turn of the event loop. */
const ITEMS_PER_STEP = 64;
/** Bytes above which a string is a value, and takes a turn of its own. */
const SHORT_BYTES = 32 * 1024;
/** Bytes of the longest field name. */
const NAME_BYTES_MAX = 32;

/** Value of an item's field: the place of a string, or another word. */
type Field = JsonString | { readonly word: string };
type Fields = ReadonlyMap<string, Field>;
type Steps<T> = Generator<void, T, void>;

/**
 * Reads a transaction; takes over `body`, in which long values are decoded in place. Yields at each point where it may be interrupted.
 * @throws WalshipError REQUEST_INVALID or KEY_INVALID, naming the place; TXN_TOO_LARGE, as soon as it has too many items.
 */
export function* parseTransaction(body: Buffer): Steps<Transaction> {
  const conditions: Condition[] = [];
  const ops: WriteOperation[] = [];
  const reader = new TransactionReader(body, () => conditions.length + ops.length);
  yield* reader.read({
    if: (fields, where) => {
      conditions.push(conditionOf(reader, fields, where));
      return NO_STEPS;
    },
    ops: function* (fields, where) {
      ops.push(yield* operationOf(reader, fields, where));
    },
  });
  if (ops.length === 0 && conditions.length === 0) throw invalidRequest('the transaction is empty');
  return { conditions, ops };
}

/** Handlers of the items of each list. */
type Lists = Readonly<Record<'if' | 'ops', (fields: Fields, where: string) => Iterable<void>>>;

const NO_STEPS: readonly [] = [];

const FIELDS: Readonly<Record<keyof Lists, readonly string[]>> = {
  if: ['key', 'key64', 'version'],
  ops: ['op', 'key', 'key64', 'value', 'value64'],
};

/** Parser for the shape: an object of two lists of flat objects. */
class TransactionReader {
  readonly #json: JsonCursor;
  readonly #count: () => number;

  constructor(body: Buffer, count: () => number) {
    this.#json = new JsonCursor(body);
    this.#count = count;
  }

  *read(lists: Lists): Steps<void> {
    const json = this.#json;
    yield* this.#space();
    if (!json.take('{')) {
      throw json.byte < 0 ? noJson() : invalidRequest('the body must be an object');
    }
    const seen = new Set<string>();
    yield* this.#members('}', function* (this: TransactionReader): Steps<void> {
      const name = yield* this.#name();
      if (name !== 'if' && name !== 'ops') {
        throw invalidRequest(`the body has unknown fields: ${name}`);
      }
      if (seen.has(name)) throw twice(name, 'the body');
      seen.add(name);
      yield* this.#list(name, lists[name]);
    });
    yield* this.#space();
    if (json.byte >= 0) throw noJson();
  }

  *#list(name: keyof Lists, add: Lists['if']): Steps<void> {
    const json = this.#json;
    if (!json.take('[')) {
      if (json.takeWord() === 'null') return;
      throw json.byte < 0 ? noJson() : invalidRequest(`${name} must be a list`);
    }
    let index = 0;
    yield* this.#members(']', function* (this: TransactionReader): Steps<void> {
      const where = `${name}[${index}]`;
      if (this.#count() >= TRANSACTION_ITEMS_MAX) throw tooMany();
      yield* add(yield* this.#item(where, FIELDS[name]), where);
      index += 1;
      if (index % ITEMS_PER_STEP === 0) yield;
    });
  }

  *#item(where: string, names: readonly string[]): Steps<Fields> {
    const json = this.#json;
    if (!json.take('{')) {
      throw json.byte < 0 ? noJson() : invalidRequest(`${where} must be an object`);
    }
    const fields = new Map<string, Field>();
    yield* this.#members('}', function* (this: TransactionReader): Steps<void> {
      const name = yield* this.#name();
      if (!names.includes(name)) throw invalidRequest(`${where} has unknown fields: ${name}`);
      if (fields.has(name)) throw twice(name, where);
      fields.set(name, yield* this.#field(`${where}.${name}`));
    });
    return fields;
  }

  *#field(where: string): Steps<Field> {
    const json = this.#json;
    if (json.openString()) return yield* this.#string();
    const word = json.takeWord();
    if (word !== '') return { word };
    throw json.byte < 0 ? noJson() : invalidRequest(`${where} must be a string`);
  }

  /** Calls `one` at each element, with commas between, up to `close`. */
  *#members(close: '}' | ']', one: (this: TransactionReader) => Steps<void>): Steps<void> {
    const json = this.#json;
    yield* this.#space();
    if (json.take(close)) return;
    for (;;) {
      yield* one.call(this);
      yield* this.#space();
      if (json.take(close)) return;
      if (!json.take(',')) throw noJson();
      yield* this.#space();
    }
  }

  /** Reads the name of a field, and the colon after it. */
  *#name(): Steps<string> {
    const json = this.#json;
    if (!json.openString()) throw noJson();
    const at = yield* this.#string();
    if (at.end - at.start > NAME_BYTES_MAX) throw invalidRequest('the body has unknown fields');
    const name = json.textOf(at);
    yield* this.#space();
    if (name === undefined || !json.take(':')) throw noJson();
    yield* this.#space();
    return name;
  }

  *#string(): Steps<JsonString> {
    for (;;) {
      const found = this.#json.closeString();
      if (found === null) throw noJson();
      if (found !== undefined) return found;
      yield;
    }
  }

  *#space(): Steps<void> {
    while (!this.#json.skipSpace()) yield;
  }

  /** Returns the text of a string field; undefined for any other. */
  text(field: Field | undefined): string | undefined {
    if (field === undefined || 'word' in field) return undefined;
    const bytes = field.end - field.start;
    if (bytes > SHORT_BYTES) {
      throw invalidRequest(`a string of ${bytes} bytes, expected a short one`);
    }
    const text = this.#json.textOf(field);
    if (text === undefined) throw noJson();
    return text;
  }

  *bytes(field: JsonString, where: string): Steps<Buffer> {
    if (field.end - field.start <= SHORT_BYTES) {
      return decodeBase64(this.text(field) ?? '', where);
    }
    const bytes = yield* decodeInPlace(this.#json.bytes, field);
    if (bytes === undefined) throw invalidRequest(`${where} is not base64`);
    return bytes;
  }
}

function conditionOf(reader: TransactionReader, fields: Fields, where: string): Condition {
  const key = keyOf(reader, fields, where);
  const field = fields.get('version');
  if (field !== undefined && 'word' in field && field.word === 'null') {
    return { key, expect: 'absent' };
  }
  const version = reader.text(field);
  if (version === '*') return { key, expect: 'present' };
  const expect = version === undefined ? undefined : parseVersion(version);
  if (expect === undefined) {
    throw invalidRequest(`${where}.version must be a version such as "3.17", "*" or null`);
  }
  return { key, expect };
}

function* operationOf(
  reader: TransactionReader,
  fields: Fields,
  where: string,
): Steps<WriteOperation> {
  const key = keyOf(reader, fields, where);
  const op = reader.text(fields.get('op'));
  const value = fields.get('value') ?? fields.get('value64');
  if (fields.has('value') && fields.has('value64')) {
    throw invalidRequest(`${where} has value and value64, expected one`);
  }
  if (op === 'delete') {
    if (value !== undefined) throw invalidRequest(`${where} is a delete with a value`);
    return { op, key, value: Buffer.alloc(0) };
  }
  if (op !== 'put') throw invalidRequest(`${where}.op must be "put" or "delete"`);
  if (value === undefined || 'word' in value) {
    throw invalidRequest(`${where}.value must be a string of base64`);
  }
  return { op, key, value: yield* reader.bytes(value, `${where}.value`) };
}

function keyOf(reader: TransactionReader, fields: Fields, where: string): Buffer {
  const key = reader.text(fields.get('key'));
  const key64 = reader.text(fields.get('key64'));
  if (key !== undefined && !fields.has('key64')) {
    return checkKey(encodeText(key, `${where}.key`));
  }
  if (key64 !== undefined && !fields.has('key')) {
    return checkKey(decodeBase64(key64, `${where}.key64`));
  }
  throw invalidRequest(`${where} must have either key or key64, a string`);
}

function twice(name: string, where: string): WalshipError {
  return invalidRequest(`${where} has ${name} twice`);
}

function noJson(): WalshipError {
  return new WalshipError('REQUEST_INVALID', 'the body is not JSON');
}

function tooMany(): WalshipError {
  const message = `more than ${TRANSACTION_ITEMS_MAX} operations and conditions`;
  return new WalshipError('TXN_TOO_LARGE', message, {
    details: { itemsMax: TRANSACTION_ITEMS_MAX },
  });
}
