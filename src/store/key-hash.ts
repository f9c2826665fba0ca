/**
 * HalfSipHash-1-3 of a key: 32 bits that nobody can predict without the seed.
 *
 * Clients choose keys. With a plain hash they could choose a million keys for one slot and make every
 * operation walk them; a keyed hash prevents that for about 30 ns a key.
 */

import type { ByteRange } from '../wal/format/byte-range.ts';

/** An integer in [0, 2^53): random in a node, constant in tests. */
export type HashSeed = number;

/** Hash function for keys; only the low 32 bits of the result count. */
export type KeyHash = (key: ByteRange) => number;

const FINAL_ROUNDS = 3;

/** Returns the hash function for `seed`. */
export function keyHash(seed: HashSeed): KeyHash {
  const low = seed | 0;
  const high = Math.floor(seed / 2 ** 32) | 0;
  return (key) => halfSipHash(key, low, high);
}

function halfSipHash(key: ByteRange, seed0: number, seed1: number): number {
  let v0 = seed0;
  let v1 = seed1;
  let v2 = 0x6c796765 ^ seed0;
  let v3 = 0x74656462 ^ seed1;
  const { data, start } = key;
  const wholeEnd = key.end - (key.length % 4);
  // One round for each word, one for the rest with the length, and the final ones, in one loop: the round is written once.
  const end = wholeEnd + 4 * (1 + FINAL_ROUNDS);
  for (let offset = start; offset < end; offset += 4) {
    let word = 0;
    if (offset < wholeEnd) word = data.getInt32(offset, true);
    else if (offset === wholeEnd) word = readRest(key, offset);
    else if (offset === wholeEnd + 4) v2 ^= 0xff;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  return v1 ^ v3;
}

/** The last zero to three bytes, with the low byte of the length on top. */
function readRest(key: ByteRange, offset: number): number {
  let word = (key.length & 0xff) << 24;
  for (let i = offset; i < key.end; i++) word |= key.data.getUint8(i) << (8 * (i - offset));
  return word;
}
