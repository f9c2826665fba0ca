/**
 * The key-value state machine: the state after all applied records, in memory.
 *
 * No operation does work in proportion to the number of keys, and no key has an object on the JS heap, so
 * neither growing tables nor the garbage collector stop the event loop, at ten million keys as at ten.
 * Putting and deleting are idempotent: applying a log twice, or over a fuzzy snapshot, gives the same state.
 */
import assert from 'node:assert';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../wal/format/limits.ts';
import { ByteRange } from '../wal/format/byte-range.ts';
import { Cells } from './cells.ts';
import { Compaction } from './compaction.ts';
import { Entries } from './entries.ts';
import { keyHash } from './key-hash.ts';
import type { HashSeed, KeyHash } from './key-hash.ts';
import { KeyIndex, NO_ENTRY } from './key-index.ts';
import { OrderedIndex } from './ordered-index.ts';

const NO_KEY = ByteRange.of(new Uint8Array(0));
const FIXED_SEED: HashSeed = 0x77616c73686970;

export interface StoreOptions {
  /** Random in a node, so that clients cannot aim at one place in the table; fixed by default, for tests and tools. */
  readonly seed?: HashSeed;
  /** Replaces the seeded hash; for tests of collisions. */
  readonly hash?: KeyHash;
}

/** A live key; the buffers are copies and belong to the caller. */
export interface StoredEntry {
  readonly key: Buffer;
  readonly value: Buffer;
  /** LSN of the record that wrote it. */
  readonly lsn: number;
}

export interface PageRequest {
  /** Only keys that begin with these bytes. */
  readonly prefix?: Uint8Array;
  /** Only keys after this one, which need not exist. */
  readonly after?: Uint8Array;
  /** Maximum number of entries; at least 1. */
  readonly limit: number;
  /** Ends the page as soon as keys and values together reach this many bytes; no limit by default. A page has at least one entry if there is any. */
  readonly bytesMax?: number;
}

export class Store {
  readonly #hash: KeyHash;
  #parts = newParts();
  #count = 0;
  #bytes = 0;

  constructor({ seed = FIXED_SEED, hash = keyHash(seed) }: StoreOptions = {}) {
    this.#hash = hash;
  }

  /** Sets a key's value and version. Copies both. */
  put(lsn: number, key: Uint8Array, value: Uint8Array): void {
    this.putRange(lsn, ByteRange.of(key), ByteRange.of(value));
  }

  /** Does the same as `put`, without an object for each key and value. */
  putRange(lsn: number, key: ByteRange, value: ByteRange): void {
    checkWrite(lsn, key);
    assert(value.length <= VALUE_BYTES_MAX, 'value exceeds VALUE_BYTES_MAX');
    const { cells, index, entries, order } = this.#parts;
    const hash = this.#hash(key) | 0;
    const found = index.find(key, hash);
    if (found !== NO_ENTRY) return this.#replace(found, lsn, { key, value });
    const entry = entries.add();
    cells.write(entry, lsn, { key, value });
    index.add(entry, hash);
    order.add(entry, key);
    this.#count += 1;
    this.#bytes += key.length + value.length;
  }

  /** Removes a key; one that is absent stays absent. */
  delete(lsn: number, key: Uint8Array): void {
    this.deleteRange(lsn, ByteRange.of(key));
  }

  /** Does the same as `delete`, without an object for the key. */
  deleteRange(lsn: number, key: ByteRange): void {
    checkWrite(lsn, key);
    const { cells, index, entries, order, compaction } = this.#parts;
    const hash = this.#hash(key) | 0;
    const entry = index.find(key, hash);
    if (entry === NO_ENTRY) return;
    this.#count -= 1;
    this.#bytes -= cells.contentBytesOf(entry);
    order.remove(key);
    index.remove(entry, hash);
    const freed = cells.release(entry);
    entries.remove(entry);
    compaction.step(freed);
  }

  /** Returns a copy of a key's value, and the LSN of the record that wrote it. */
  get(key: Uint8Array): { readonly value: Buffer; readonly lsn: number } | undefined {
    const entry = this.#find(key);
    if (entry === NO_ENTRY) return undefined;
    const { cells } = this.#parts;
    return { value: cells.valueOf(entry), lsn: cells.lsnOf(entry) };
  }

  /** LSN of the record that wrote the key; 0 if it is absent. */
  lsnOf(key: Uint8Array): number {
    const entry = this.#find(key);
    return entry === NO_ENTRY ? 0 : this.#parts.cells.lsnOf(entry);
  }

  /**
   * Live keys in byte order. A walk that sets `after` to the last key of each page shows every key that was live at the start and
   * is not written until the end, whatever other writes happen in between.
   */
  page(request: PageRequest): StoredEntry[] {
    const { after, limit, bytesMax = Infinity } = request;
    const prefix = request.prefix === undefined ? NO_KEY : ByteRange.of(request.prefix);
    assert(limit >= 1, 'a page has room for an entry');
    const { cells, order } = this.#parts;
    const page: StoredEntry[] = [];
    let bytes = 0;
    const from = startOf(prefix, after === undefined ? undefined : ByteRange.of(after));
    order.scan(from, (entry) => {
      if (cells.compareStart(prefix, entry, prefix.length) !== 0) return false;
      if (cells.keyBytesOf(entry) < prefix.length) return false;
      const found = {
        key: cells.keyOf(entry),
        value: cells.valueOf(entry),
        lsn: cells.lsnOf(entry),
      };
      page.push(found);
      bytes += found.key.length + found.value.length;
      return page.length < limit && bytes < bytesMax;
    });
    return page;
  }

  /** Number of live keys. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of live keys and values. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of memory taken for keys and values, indexes included. */
  get reservedBytes(): number {
    const { cells, index, entries, order } = this.#parts;
    const indexes = index.reservedBytes + entries.reservedBytes + order.reservedBytes;
    return cells.slabs.reservedBytes + indexes;
  }

  /** Removes all keys in constant time. */
  clear(): void {
    this.#parts = newParts();
    this.#count = 0;
    this.#bytes = 0;
  }

  #find(bytes: Uint8Array): number {
    const key = ByteRange.of(bytes);
    return this.#parts.index.find(key, this.#hash(key) | 0);
  }

  #replace(entry: number, lsn: number, content: { key: ByteRange; value: ByteRange }): void {
    const { cells, compaction } = this.#parts;
    this.#bytes += content.key.length + content.value.length - cells.contentBytesOf(entry);
    if (cells.overwrite(entry, lsn, content.value)) return;
    const freed = cells.release(entry);
    cells.write(entry, lsn, content);
    compaction.step(freed);
  }
}

interface Parts {
  readonly entries: Entries;
  readonly cells: Cells;
  readonly index: KeyIndex;
  readonly order: OrderedIndex;
  readonly compaction: Compaction;
}

function newParts(): Parts {
  const entries = new Entries();
  const cells = new Cells(entries);
  return {
    entries,
    cells,
    index: new KeyIndex(cells),
    order: new OrderedIndex(cells),
    compaction: new Compaction(cells),
  };
}

function checkWrite(lsn: number, key: ByteRange): void {
  assert(Number.isSafeInteger(lsn) && lsn > 0, 'lsn must be a positive safe integer');
  assert(key.length > 0 && key.length <= KEY_BYTES_MAX, 'key has 1 to KEY_BYTES_MAX bytes');
}

/** Start of a page: after `after`, or at the first key of the prefix if that comes later. */
function startOf(
  prefix: ByteRange,
  after: ByteRange | undefined,
): { key: ByteRange; exclusive: boolean } {
  if (after === undefined || Buffer.compare(after.bytes, prefix.bytes) < 0) {
    return { key: prefix, exclusive: false };
  }
  return { key: after, exclusive: true };
}
