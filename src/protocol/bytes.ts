/** Writer and reader for binary messages: integers big-endian, texts in UTF-8, lengths before contents. */
import assert from 'node:assert';
import type { Version } from '../wal/format/position.ts';

const TWO_TO_32 = 2 ** 32;
const HIGH_MAX = 0x1f_ffff;

/** Builds one message, with its length (a u32) in front. */
export class ByteWriter {
  #target: Buffer;
  #offset = 4;

  /** `capacity` is an estimate of the message size in bytes; the buffer grows as needed. */
  constructor(capacity: number) {
    this.#target = Buffer.allocUnsafe(capacity + 4);
  }

  u8(value: number): void {
    this.#room(1);
    this.#target[this.#offset] = value;
    this.#offset += 1;
  }

  u16(value: number): void {
    this.#room(2);
    this.#target.writeUInt16BE(value, this.#offset);
    this.#offset += 2;
  }

  u32(value: number): void {
    this.#room(4);
    this.#target.writeUInt32BE(value, this.#offset);
    this.#offset += 4;
  }

  u64(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'a number on the wire is a safe integer');
    this.u32(Math.floor(value / TWO_TO_32));
    this.u32(value % TWO_TO_32);
  }

  version({ epoch, lsn }: Version): void {
    this.u64(epoch);
    this.u64(lsn);
  }

  /** A length of two bytes, then the bytes. */
  bytes16(value: Uint8Array): void {
    this.u16(value.length);
    this.#raw(value);
  }

  /** A length of four bytes, then the bytes. */
  bytes32(value: Uint8Array): void {
    this.u32(value.length);
    this.#raw(value);
  }

  text16(value: string): void {
    this.bytes16(Buffer.from(value, 'utf8'));
  }

  /** Returns the message, length first; the buffer belongs to the caller. */
  finish(): Buffer {
    this.#target.writeUInt32BE(this.#offset - 4, 0);
    return this.#target.subarray(0, this.#offset);
  }

  #raw(value: Uint8Array): void {
    this.#room(value.length);
    this.#target.set(value, this.#offset);
    this.#offset += value.length;
  }

  #room(bytes: number): void {
    const needed = this.#offset + bytes;
    if (needed <= this.#target.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#target.length));
    this.#target.copy(larger, 0, 0, this.#offset);
    this.#target = larger;
  }
}

/**
 * Reads the fields of one message one by one. The first problem is remembered, and every later field reads as a harmless
 * default: the caller checks `finish` once, at the end.
 *
 * Invariant: once `problem` is set, no value that was read is used.
 */
export class ByteReader {
  readonly #source: Buffer;
  #offset = 0;
  #problem: string | undefined;

  constructor(source: Buffer) {
    this.#source = source;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  /** Returns the first problem, or undefined if every field was valid and no bytes are left. */
  finish(): string | undefined {
    const left = this.#source.length - this.#offset;
    if (this.#problem === undefined && left > 0) this.fail(`${left} bytes behind the message`);
    return this.#problem;
  }

  fail(problem: string): void {
    this.#problem ??= problem;
  }

  u8(name: string, last = 0xff): number {
    const offset = this.#take(1, name);
    return offset < 0 ? 0 : this.#within(this.#source.readUInt8(offset), { name, last });
  }

  u16(name: string, last = 0xffff): number {
    const offset = this.#take(2, name);
    return offset < 0 ? 0 : this.#within(this.#source.readUInt16BE(offset), { name, last });
  }

  u32(name: string, last = 0xffff_ffff): number {
    const offset = this.#take(4, name);
    return offset < 0 ? 0 : this.#within(this.#source.readUInt32BE(offset), { name, last });
  }

  u64(name: string): number {
    const offset = this.#take(8, name);
    if (offset < 0) return 0;
    const high = this.#within(this.#source.readUInt32BE(offset), { name, last: HIGH_MAX });
    return high * TWO_TO_32 + this.#source.readUInt32BE(offset + 4);
  }

  version(name: string): Version {
    return { epoch: this.u64(`${name}.epoch`), lsn: this.u64(`${name}.lsn`) };
  }

  /** Bytes that alias the source. */
  bytes16(name: string): Buffer {
    return this.raw(this.u16(`${name}.length`), name);
  }

  /** Bytes that alias the source. */
  bytes32(name: string): Buffer {
    return this.raw(this.u32(`${name}.length`), name);
  }

  /** Bytes that alias the source. */
  raw(bytes: number, name: string): Buffer {
    const offset = this.#take(bytes, name);
    return this.#source.subarray(
      Math.max(0, offset),
      Math.max(0, offset) + (offset < 0 ? 0 : bytes),
    );
  }

  text16(name: string): string {
    return this.bytes16(name).toString('utf8');
  }

  /** One of the names, sent as its index. */
  choice<T extends string>(name: string, names: readonly [T, ...T[]]): T {
    return names[this.u8(name, names.length - 1)] ?? names[0];
  }

  /** Number of elements that follow, each of at least `bytesEach` bytes: a problem if the rest of the message cannot hold them. */
  count(name: string, bytesEach: number, last = 0xffff_ffff): number {
    const count = this.u32(name, last);
    const left = this.#source.length - this.#offset;
    if (count * bytesEach <= left) return count;
    this.fail(`${name} is ${count}, and ${left} bytes are left`);
    return 0;
  }

  #within(value: number, { name, last }: { name: string; last: number }): number {
    if (value <= last) return value;
    this.fail(`${name} is ${value}, at most ${last}`);
    return 0;
  }

  /** Offset of the next `bytes` bytes, which count as read; -1 if there are not enough. */
  #take(bytes: number, name: string): number {
    if (this.#problem !== undefined) return -1;
    const offset = this.#offset;
    if (offset + bytes > this.#source.length) {
      this.fail(`${name} is missing`);
      return -1;
    }
    this.#offset = offset + bytes;
    return offset;
  }
}
