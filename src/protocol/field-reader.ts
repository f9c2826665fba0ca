import { EPOCH_MAX, LSN_MAX } from '../wal/format/limits.ts';
import type { Position } from '../wal/format/position.ts';
import { ID_CHARS } from './limits.ts';

const HEX = /^[0-9a-f]+$/;
const CHAIN_MAX = 0xffff_ffff;

/**
 * Reads and checks the elements of a decoded array one by one. The first problem is remembered, and every later
 * element reads as a harmless default: the caller checks `finish` once, at the end. Never throws.
 *
 * Invariant: once `problem` is set, no value that was read is used.
 */
export class FieldReader {
  readonly #fields: readonly unknown[];
  #next = 0;
  #problem: string | undefined;

  constructor(fields: readonly unknown[]) {
    this.#fields = fields;
  }

  /** First problem so far. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Returns the first problem, or undefined if every field was valid and none is left. */
  finish(): string | undefined {
    if (this.#problem === undefined && this.#next < this.#fields.length) {
      this.#fail(`${this.#fields.length} elements, expected ${this.#next}`);
    }
    return this.#problem;
  }

  /** An integer in [0, 2^53), or up to `last`. */
  integer(name: string, last = Number.MAX_SAFE_INTEGER): number {
    const value = this.#take(name);
    // -0 is a safe integer too, and would not survive a round trip.
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      const number = Number(value);
      if (number >= 0 && number <= last) return number;
    }
    this.#fail(`${name} is not an integer in [0, ${last}]`);
    return 0;
  }

  /** An epoch of a control message; this is the only place that bounds them. */
  epoch(name: string): number {
    return this.integer(name, EPOCH_MAX);
  }

  epochOrNull(name: string): number | null {
    if (this.peek() !== null) return this.epoch(name);
    this.skip();
    return null;
  }

  /** An LSN of a control message, bounded here only. */
  lsn(name: string): number {
    return this.integer(name, LSN_MAX);
  }

  chain(name: string): number {
    return this.integer(name, CHAIN_MAX);
  }

  boolean(name: string): boolean {
    const value = this.#take(name);
    if (typeof value === 'boolean') return value;
    this.#fail(`${name} is not a boolean`);
    return false;
  }

  /** Well-formed text of `charsMin` to `charsMax` UTF-16 code units. */
  text(name: string, charsMax: number, charsMin = 1): string {
    const value = this.#take(name);
    if (typeof value === 'string' && value.length >= charsMin && value.length <= charsMax) {
      if (value.isWellFormed()) return value;
    }
    this.#fail(`${name} is not a text of ${charsMin} to ${charsMax} characters`);
    return '';
  }

  textOrNull(name: string, charsMax: number): string | null {
    if (this.peek() !== null) return this.text(name, charsMax);
    this.skip();
    return null;
  }

  /** One of the names, sent as its index. */
  choice<T extends string>(name: string, names: readonly [T, ...T[]]): T {
    return names[this.integer(name, names.length - 1)] ?? names[0];
  }

  id(name: string): string {
    const value = this.#take(name);
    if (typeof value === 'string' && value.length === ID_CHARS && HEX.test(value)) return value;
    this.#fail(`${name} is not ${ID_CHARS} hexadecimal digits`);
    return '';
  }

  idOrNull(name: string): string | null {
    if (this.peek() !== null) return this.id(name);
    this.skip();
    return null;
  }

  position(name: string): Position {
    return {
      epoch: this.epoch(`${name}.epoch`),
      lsn: this.lsn(`${name}.lsn`),
      chain: this.chain(`${name}.chain`),
    };
  }

  /** An array of at most `countMax` elements; empty if there is a problem. */
  array(name: string, countMax: number): readonly unknown[] {
    const value = this.#take(name);
    if (Array.isArray(value) && value.length <= countMax) return value;
    this.#fail(`${name} is not an array of at most ${countMax} elements`);
    return [];
  }

  /** Takes over the problem, if any, of the reader of a nested array. */
  check(problem: string | undefined): void {
    if (problem !== undefined) this.#fail(problem);
  }

  /** The next element, left in place. */
  peek(): unknown {
    return this.#fields[this.#next];
  }

  /** Skips the next element, after `peek`. */
  skip(): void {
    this.#next += 1;
  }

  #take(name: string): unknown {
    if (this.#next >= this.#fields.length) {
      this.#fail(`${name} is missing`);
      return undefined;
    }
    const value = this.#fields[this.#next];
    this.#next += 1;
    return value;
  }

  #fail(problem: string): void {
    this.#problem ??= problem;
  }
}
