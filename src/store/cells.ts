/**
 * Cells: one for each live key, with its version and value, in a slab (`slabs.ts`).
 *
 *   0         4          8           12         16         20      20+k        20+k+v
 *   +---------+----------+-----------+----------+----------+-------+-----------+------
 *   | entry   | lsn high | lsn low   | key size | val size | key   | value     | pad to 8
 *   +---------+----------+-----------+----------+----------+-------+-----------+------
 *
 * Each field is a u32 in the machine's byte order: this is memory, not a format. A cell is live if and only if its entry's
 * address is that of the cell; freeing a cell leaves no mark in it.
 */
import type { ByteRange } from '../wal/format/byte-range.ts';
import { copyBytes } from './copy-bytes.ts';
import type { Entries } from './entries.ts';
import { addressIn, offsetOf, slabOf, Slabs } from './slabs.ts';

const HEADER_BYTES = 20;

/** Size of a cell, padding included. */
export function cellBytes(keyBytes: number, valueBytes: number): number {
  return (HEADER_BYTES + keyBytes + valueBytes + 7) & ~7;
}

/** Reads and writes cells by entry; every method but `write` expects an entry that has a cell. */
export class Cells {
  readonly slabs = new Slabs();
  readonly #entries: Entries;

  constructor(entries: Entries) {
    this.#entries = entries;
  }

  /** Gives `entry` a new cell. The caller must release its old cell first. */
  write(entry: number, lsn: number, content: { key: ByteRange; value: ByteRange }): void {
    const { key, value } = content;
    const address = this.slabs.allocate(cellBytes(key.length, value.length));
    const slab = slabOf(address);
    const offset = offsetOf(address);
    const memory = this.slabs.memory(slab);
    const { words } = memory;
    const at = offset >>> 2;
    words[at] = entry;
    words[at + 3] = key.length;
    words[at + 4] = value.length;
    writeLsn(words, at, lsn);
    copyBytes(key, memory, offset + HEADER_BYTES);
    copyBytes(value, memory, offset + HEADER_BYTES + key.length);
    this.#entries.place(entry, address);
  }

  /** Overwrites the cell in place if its size stays the same; otherwise returns false and changes nothing. */
  overwrite(entry: number, lsn: number, value: ByteRange): boolean {
    const address = this.#entries.addressOf(entry);
    const slab = slabOf(address);
    const offset = offsetOf(address);
    const memory = this.slabs.memory(slab);
    const { words } = memory;
    const at = offset >>> 2;
    const keyBytes = words[at + 3] as number;
    if (cellBytes(keyBytes, words[at + 4] as number) !== cellBytes(keyBytes, value.length)) {
      return false;
    }
    words[at + 4] = value.length;
    writeLsn(words, at, lsn);
    copyBytes(value, memory, offset + HEADER_BYTES + keyBytes);
    return true;
  }

  /** Frees the cell and returns its size; the entry has no cell after. */
  release(entry: number): number {
    const address = this.#entries.addressOf(entry);
    const bytes = this.sizeAt(slabOf(address), offsetOf(address));
    this.slabs.release(address, bytes);
    return bytes;
  }

  /** Size of the cell at this place, live or not. */
  sizeAt(slab: number, offset: number): number {
    const words = this.slabs.words(slab);
    const at = offset >>> 2;
    return cellBytes(words[at + 3] as number, words[at + 4] as number);
  }

  /** Moves the cell of `bytes` bytes at this place to the head slab if it is live. */
  moveAt(slab: number, offset: number, bytes: number): void {
    const words = this.slabs.words(slab);
    const entry = words[offset >>> 2] as number;
    const address = addressIn(slab, offset);
    if (this.#entries.addressOf(entry) !== address) return;
    const target = this.slabs.allocate(bytes);
    const source = this.slabs.bytes(slab);
    source.copy(this.slabs.bytes(slabOf(target)), offsetOf(target), offset, offset + bytes);
    this.#entries.place(entry, target);
    this.slabs.release(address, bytes);
  }

  lsnOf(entry: number): number {
    const address = this.#entries.addressOf(entry);
    const words = this.slabs.words(slabOf(address));
    const at = offsetOf(address) >>> 2;
    return (words[at + 1] as number) * 2 ** 32 + (words[at + 2] as number);
  }

  /** Bytes of key and value together. */
  contentBytesOf(entry: number): number {
    const address = this.#entries.addressOf(entry);
    const words = this.slabs.words(slabOf(address));
    const at = offsetOf(address) >>> 2;
    return (words[at + 3] as number) + (words[at + 4] as number);
  }

  /** Copies the key of an entry. */
  keyOf(entry: number): Buffer {
    const address = this.#entries.addressOf(entry);
    const slab = slabOf(address);
    const start = offsetOf(address) + HEADER_BYTES;
    const keyBytes = this.slabs.words(slab)[(start >>> 2) - 2] as number;
    return Buffer.from(this.slabs.bytes(slab).subarray(start, start + keyBytes));
  }

  /** Copies the value of an entry. */
  valueOf(entry: number): Buffer {
    const address = this.#entries.addressOf(entry);
    const slab = slabOf(address);
    const words = this.slabs.words(slab);
    const at = offsetOf(address) >>> 2;
    const start = offsetOf(address) + HEADER_BYTES + (words[at + 3] as number);
    return Buffer.from(this.slabs.bytes(slab).subarray(start, start + (words[at + 4] as number)));
  }

  keyEquals(entry: number, key: ByteRange): boolean {
    const address = this.#entries.addressOf(entry);
    const slab = slabOf(address);
    const start = offsetOf(address) + HEADER_BYTES;
    const { words, data } = this.slabs.memory(slab);
    const { end } = key;
    if (words[(start >>> 2) - 2] !== end - key.start) return false;
    const shift = start - key.start;
    let at = key.start;
    for (; at + 4 <= end; at += 4) {
      if (key.data.getInt32(at, true) !== data.getInt32(at + shift, true)) return false;
    }
    for (; at < end; at += 1) {
      if (key.data.getUint8(at) !== data.getUint8(at + shift)) return false;
    }
    return true;
  }

  /** Compares: below zero if `key` sorts before the entry's key, 0 if they are equal. The first `from` bytes are known to be equal. */
  compareKey(key: ByteRange, entry: number, from: number): number {
    const address = this.#entries.addressOf(entry);
    const slab = slabOf(address);
    const start = offsetOf(address) + HEADER_BYTES;
    const keyBytes = this.slabs.words(slab)[(start >>> 2) - 2] as number;
    const bytes = this.slabs.bytes(slab);
    const end = Math.min(key.length, keyBytes);
    for (let i = from; i < end; i++) {
      const difference = (key.bytes[key.start + i] as number) - (bytes[start + i] as number);
      if (difference !== 0) return difference;
    }
    return key.length - keyBytes;
  }

  /** Compares only the first `end` bytes of both; a `key` that is shorter and agrees sorts before. */
  compareStart(key: ByteRange, entry: number, end: number): number {
    const address = this.#entries.addressOf(entry);
    const bytes = this.slabs.bytes(slabOf(address));
    const start = offsetOf(address) + HEADER_BYTES;
    const common = Math.min(key.length, end);
    for (let i = 0; i < common; i++) {
      const difference = (key.bytes[key.start + i] as number) - (bytes[start + i] as number);
      if (difference !== 0) return difference;
    }
    return key.length < end ? -1 : 0;
  }

  /** Length of the common prefix of two entries' keys. */
  sharedBytes(entry: number, other: number): number {
    const address = this.#entries.addressOf(entry);
    const otherAddress = this.#entries.addressOf(other);
    const bytes = this.slabs.bytes(slabOf(address));
    const otherBytes = this.slabs.bytes(slabOf(otherAddress));
    const start = offsetOf(address) + HEADER_BYTES;
    const otherStart = offsetOf(otherAddress) + HEADER_BYTES;
    const end = Math.min(this.#keyBytesOf(address), this.#keyBytesOf(otherAddress));
    let shared = 0;
    while (shared < end && bytes[start + shared] === otherBytes[otherStart + shared]) shared += 1;
    return shared;
  }

  keyBytesOf(entry: number): number {
    return this.#keyBytesOf(this.#entries.addressOf(entry));
  }

  /** Four bytes of the key from `from` on as a big-endian number, zeros past its end: sorts as the keys do, except for ties. */
  headOf(entry: number, from: number): number {
    const address = this.#entries.addressOf(entry);
    const bytes = this.slabs.bytes(slabOf(address));
    const start = offsetOf(address) + HEADER_BYTES;
    return headAt(bytes, start + from, start + this.#keyBytesOf(address));
  }

  #keyBytesOf(address: number): number {
    return this.slabs.words(slabOf(address))[(offsetOf(address) >>> 2) + 3] as number;
  }
}

/** The big-endian number in the four bytes from `offset`; bytes from `end` on count as zero. */
export function headAt(bytes: Uint8Array, offset: number, end: number): number {
  if (offset + 4 <= end) {
    return (
      (((bytes[offset] as number) << 24) |
        ((bytes[offset + 1] as number) << 16) |
        ((bytes[offset + 2] as number) << 8) |
        (bytes[offset + 3] as number)) >>>
      0
    );
  }
  let head = 0;
  for (let i = offset; i < offset + 4; i++) {
    head = head * 256 + (i < end ? (bytes[i] as number) : 0);
  }
  return head;
}

function writeLsn(words: Uint32Array, at: number, lsn: number): void {
  words[at + 1] = Math.floor(lsn / 2 ** 32);
  words[at + 2] = lsn >>> 0;
}
