import type { Entropy } from './entropy.ts';

/** Seeded randomness: sfc32, which is small, fast, and passes the usual statistical tests. */
export class SeededEntropy implements Entropy {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Starts the sequence of `seed`; equal seeds give equal sequences on every machine. */
  constructor(seed: number | string) {
    this.#seed = String(seed);
    const next = hashWords(this.#seed);
    this.#a = next();
    this.#b = next();
    this.#c = next();
    for (let round = 0; round < 15; round += 1) this.#word();
  }

  /** Returns an independent sequence named `name`: draws from one do not change the other. */
  fork(name: string): SeededEntropy {
    return new SeededEntropy(`${this.#seed}/${name}`);
  }

  bytes(count: number): Buffer {
    const result = Buffer.alloc(count);
    for (let index = 0; index < count; index += 1) result[index] = this.#word() >>> 24;
    return result;
  }

  below(end: number): number {
    return Math.floor(this.fraction() * end);
  }

  /** A real number in [0, 1). */
  fraction(): number {
    return this.#word() / 2 ** 32;
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** A real number in [from, to). */
  between(from: number, to: number): number {
    return from + this.fraction() * (to - from);
  }

  /** One of `items`, which must not be empty. */
  pick<T>(items: readonly T[]): T {
    const index = this.below(items.length);
    if (index >= items.length) throw new RangeError('nothing to pick from');
    return items[index] as T;
  }

  #word(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}

/** Hash of `text`, FNV-1a with a final mix, as a generator of any number of words. */
function hashWords(text: string): () => number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return () => {
    hash = (hash + 0x9e3779b9) | 0;
    let word = hash;
    word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
    return (word ^ (word >>> 16)) >>> 0;
  };
}
