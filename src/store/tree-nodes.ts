/**
 * Nodes of the ordered index, 512 bytes each, in chunks that are never copied.
 *
 *   leaf:   count | shared | next | previous | 62 entries | 62 heads
 *   branch: count | shared | 0    | 0        | 41 entries | 41 heads | 41 children
 *
 * Entries are in the order of their keys. A branch's entry is always exactly the first one of its child's subtree. All keys of
 * a node share their first `shared` bytes; a head is the four bytes after them, so that most comparisons of a search
 * stay inside the node and read no cell. Node 0 means none.
 */
import type { ByteRange } from '../wal/format/byte-range.ts';
import { headAt } from './cells.ts';
import type { Cells } from './cells.ts';

const NODE_WORDS = 128;
const CHUNK_NODES_LOG2 = 8;
const CHUNK_NODES = 1 << CHUNK_NODES_LOG2;
const NODE_MASK = CHUNK_NODES - 1;
const ENTRIES = 4;

/** Layout of a kind of node: leaf or branch. */
export interface NodeKind {
  readonly countMax: number;
  /** Word of the first head. */
  readonly heads: number;
  /** Word of the first child; 0 in a leaf. */
  readonly children: number;
}
export const LEAF: NodeKind = { countMax: 62, heads: 66, children: 0 };
export const BRANCH: NodeKind = { countMax: 41, heads: 45, children: 86 };

export class TreeNodes {
  readonly #cells: Cells;
  readonly #chunks: Uint32Array[] = [];
  readonly #free: number[] = [];
  #end = 1;

  constructor(cells: Cells) {
    this.#cells = cells;
  }

  /** Returns a new empty node. */
  add(): number {
    const node = this.#free.pop() ?? this.#end++;
    if (node >>> CHUNK_NODES_LOG2 === this.#chunks.length) {
      this.#chunks.push(new Uint32Array(CHUNK_NODES * NODE_WORDS));
    }
    const base = baseOf(node);
    this.#chunkOf(node).fill(0, base, base + ENTRIES);
    return node;
  }

  free(node: number): void {
    this.#free.push(node);
  }

  count(node: number): number {
    return this.#chunkOf(node)[baseOf(node)] as number;
  }

  entry(node: number, index: number): number {
    return this.#chunkOf(node)[baseOf(node) + ENTRIES + index] as number;
  }

  child(node: number, index: number): number {
    return this.#chunkOf(node)[baseOf(node) + BRANCH.children + index] as number;
  }

  next(leaf: number): number {
    return this.#chunkOf(leaf)[baseOf(leaf) + 2] as number;
  }

  previous(leaf: number): number {
    return this.#chunkOf(leaf)[baseOf(leaf) + 3] as number;
  }

  /** Makes `next` follow `leaf`; either may be 0. */
  link(leaf: number, next: number): void {
    if (leaf !== 0) this.#chunkOf(leaf)[baseOf(leaf) + 2] = next;
    if (next !== 0) this.#chunkOf(next)[baseOf(next) + 3] = leaf;
  }

  /** Memory taken from the system. */
  get reservedBytes(): number {
    return this.#chunks.length * CHUNK_NODES * NODE_WORDS * 4;
  }

  /** Twice the index of the first entry whose key is not below `key`, plus one if the keys are equal. */
  search(node: number, kind: NodeKind, key: ByteRange): number {
    const words = this.#chunkOf(node);
    const base = baseOf(node);
    const count = words[base] as number;
    if (count === 0) return 0;
    const shared = words[base + 1] as number;
    if (shared > 0) {
      const order = this.#cells.compareStart(key, words[base + ENTRIES] as number, shared);
      if (order !== 0) return order < 0 ? 0 : 2 * count;
    }
    const head = headAt(key.bytes, key.start + shared, key.end);
    const heads = base + kind.heads;
    let low = firstAtLeast(words, heads, heads + count, head) - heads;
    if (low === count || words[heads + low] !== head) return 2 * low;
    // The few entries with an equal head are compared by their keys.
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((words[heads + middle] as number) > head) {
        high = middle;
        continue;
      }
      const order = this.#cells.compareKey(key, words[base + ENTRIES + middle] as number, shared);
      if (order === 0) return 2 * middle + 1;
      if (order < 0) high = middle;
      else low = middle + 1;
    }
    return 2 * low;
  }

  /** Inserts an entry (and its child, in a branch) at `index`, its place in key order. There must be room. */
  insert(node: number, kind: NodeKind, at: { index: number; entry: number; child: number }): void {
    const { index, entry, child } = at;
    const words = this.#chunkOf(node);
    const base = baseOf(node);
    const count = words[base] as number;
    shift(words, base + ENTRIES + index, base + ENTRIES + count);
    shift(words, base + kind.heads + index, base + kind.heads + count);
    words[base + ENTRIES + index] = entry;
    if (kind.children !== 0) {
      shift(words, base + kind.children + index, base + kind.children + count);
      words[base + kind.children + index] = child;
    }
    words[base] = count + 1;
    this.#fit(node, kind, index);
  }

  /** Gives a branch's child at `index` another first entry. */
  replace(node: number, index: number, entry: number): void {
    this.#chunkOf(node)[baseOf(node) + ENTRIES + index] = entry;
    this.#fit(node, BRANCH, index);
  }

  remove(node: number, kind: NodeKind, index: number): void {
    const words = this.#chunkOf(node);
    const base = baseOf(node);
    const count = words[base] as number;
    unshift(words, base + ENTRIES + index, base + ENTRIES + count);
    unshift(words, base + kind.heads + index, base + kind.heads + count);
    if (kind.children !== 0) {
      unshift(words, base + kind.children + index, base + kind.children + count);
    }
    words[base] = count - 1;
  }

  /** Moves the entries of `source` from `index` on to the end of `target`, its neighbour. */
  moveTail(source: number, kind: NodeKind, to: { index: number; target: number }): void {
    const { index, target } = to;
    const words = this.#chunkOf(source);
    const base = baseOf(source);
    const targetWords = this.#chunkOf(target);
    const targetBase = baseOf(target);
    const count = words[base] as number;
    const targetCount = targetWords[targetBase] as number;
    const from = base + ENTRIES + index;
    targetWords.set(
      words.subarray(from, base + ENTRIES + count),
      targetBase + ENTRIES + targetCount,
    );
    if (kind.children !== 0) {
      const children = words.subarray(base + kind.children + index, base + kind.children + count);
      targetWords.set(children, targetBase + kind.children + targetCount);
    }
    words[base] = index;
    targetWords[targetBase] = targetCount + count - index;
    this.#refit(source, kind);
    this.#refit(target, kind);
  }

  /** Sets the head of one new entry; recomputes all heads if the new key shortens the common prefix. */
  #fit(node: number, kind: NodeKind, index: number): void {
    const words = this.#chunkOf(node);
    const base = baseOf(node);
    if (words[base] === 1) return this.#refit(node, kind);
    const entry = words[base + ENTRIES + index] as number;
    const other = words[base + ENTRIES + (index === 0 ? 1 : 0)] as number;
    const shared = words[base + 1] as number;
    if (this.#cells.sharedBytes(entry, other) < shared) return this.#refit(node, kind);
    words[base + kind.heads + index] = this.#cells.headOf(entry, shared);
  }

  #refit(node: number, kind: NodeKind): void {
    const words = this.#chunkOf(node);
    const base = baseOf(node);
    const count = words[base] as number;
    if (count === 0) return;
    const first = words[base + ENTRIES] as number;
    const last = words[base + ENTRIES + count - 1] as number;
    const shared = this.#cells.sharedBytes(first, last); // Keys are in order, so those between share at least as much.
    words[base + 1] = shared;
    for (let i = 0; i < count; i++) {
      const entry = words[base + ENTRIES + i] as number;
      words[base + kind.heads + i] = this.#cells.headOf(entry, shared);
    }
  }

  #chunkOf(node: number): Uint32Array {
    return this.#chunks[node >>> CHUNK_NODES_LOG2] as Uint32Array;
  }
}

function baseOf(node: number): number {
  return (node & NODE_MASK) * NODE_WORDS;
}

function firstAtLeast(words: Uint32Array, start: number, end: number, value: number): number {
  let low = start;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((words[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function shift(words: Uint32Array, start: number, end: number): void {
  for (let i = end; i > start; i--) words[i] = words[i - 1] as number;
}

function unshift(words: Uint32Array, index: number, end: number): void {
  for (let i = index + 1; i < end; i++) words[i - 1] = words[i] as number;
}
