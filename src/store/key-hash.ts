/**
 * HalfSipHash-1-3 of a key: 32 bits that nobody can aim at without knowing the seed.
 *
 * Clients choose keys. With a plain hash they could choose a million keys for one slot and make every
 * operation walk them; a keyed hash takes that away for about 30 ns a key.
 */

/** An integer in [0, 2^53): random in a node, constant in tests. */
export type HashSeed = number;

/** A hash of a key, of which the low 32 bits count. */
export type KeyHash = (key: Uint8Array) => number;

const FINAL_ROUNDS = 3;

/** The hash that belongs to `seed`. */
export function keyHash(seed: HashSeed): KeyHash {
  const low = seed | 0;
  const high = Math.floor(seed / 2 ** 32) | 0;
  return (key) => halfSipHash(key, low, high);
}

function halfSipHash(key: Uint8Array, seed0: number, seed1: number): number {
  let v0 = seed0;
  let v1 = seed1;
  let v2 = 0x6c796765 ^ seed0;
  let v3 = 0x74656462 ^ seed1;
  const length = key.length;
  const wholeEnd = length - (length % 4);
  // One round for each word, one for the rest with the length, and the final ones, in one loop: the round is written once.
  const end = wholeEnd + 4 * (1 + FINAL_ROUNDS);
  for (let offset = 0; offset < end; offset += 4) {
    let word = 0;
    if (offset < wholeEnd) word = readWord(key, offset);
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

function readWord(key: Uint8Array, offset: number): number {
  return (
    (key[offset] as number) |
    ((key[offset + 1] as number) << 8) |
    ((key[offset + 2] as number) << 16) |
    ((key[offset + 3] as number) << 24)
  );
}

/** The last zero to three bytes, with the low byte of the length on top. */
function readRest(key: Uint8Array, offset: number): number {
  let word = (key.length & 0xff) << 24;
  for (let i = offset; i < key.length; i++) word |= (key[i] as number) << (8 * (i - offset));
  return word;
}
