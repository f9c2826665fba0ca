/**
 * The entries in the byte order of their keys: a B+tree over `tree-nodes.ts`.
 *
 * A key above all others goes to the last leaf without a search and fills leaves completely; others cost one search in
 * each of at most seven levels. Removal frees empty nodes and merges sparse neighbours, so memory is proportional to the keys.
 * Entries keep their place while cells move: a reader that goes from key to key misses none that stays.
 */
import assert from 'node:assert';
import type { ByteRange } from '../wal/format/byte-range.ts';
import type { Cells } from './cells.ts';
import { BRANCH, LEAF, TreeNodes } from './tree-nodes.ts';
import type { NodeKind } from './tree-nodes.ts';

/** Maximum depth: with nodes at least a quarter full, of 41 and 62 entries, 2^32 entries need fewer levels. */
const LEVELS_MAX = 16;

export class OrderedIndex {
  readonly #cells: Cells;
  readonly #nodes: TreeNodes;
  #root: number;
  #lastLeaf: number;
  /** Number of branch levels above the leaves. */
  #height = 0;
  /** Path from the root to the current node: the nodes, and the index of the child taken in each. */
  readonly #path = new Uint32Array(LEVELS_MAX);
  readonly #taken = new Uint32Array(LEVELS_MAX);

  constructor(cells: Cells) {
    this.#cells = cells;
    this.#nodes = new TreeNodes(cells);
    this.#root = this.#nodes.add();
    this.#lastLeaf = this.#root;
  }

  /** Memory taken from the system. */
  get reservedBytes(): number {
    return this.#nodes.reservedBytes;
  }

  /** Adds an entry whose key is absent; its cell must already hold the key. */
  add(entry: number, key: ByteRange): void {
    const nodes = this.#nodes;
    const count = nodes.count(this.#lastLeaf);
    if (count > 0 && count < LEAF.countMax) {
      const last = nodes.entry(this.#lastLeaf, count - 1);
      if (this.#cells.compareKey(key, last, 0) > 0) {
        return nodes.insert(this.#lastLeaf, LEAF, { index: count, entry, child: 0 });
      }
    }
    const leaf = this.#descend(key);
    const found = nodes.search(leaf, LEAF, key);
    assert((found & 1) === 0, 'the key is absent');
    const index = found >>> 1;
    if (index === 0) this.#newFirst(this.#height - 1, entry); // Before a split changes the nodes of the path.
    this.#insert(this.#height, { node: leaf, index, entry, child: 0 });
  }

  /** Removes the entry of `key`; its cell must still be readable. */
  remove(key: ByteRange): void {
    const leaf = this.#descend(key);
    const found = this.#nodes.search(leaf, LEAF, key);
    assert((found & 1) === 1, 'the key is there');
    this.#remove(this.#height, leaf, found >>> 1);
    while (this.#height > 0 && this.#nodes.count(this.#root) === 1) {
      const old = this.#root;
      this.#root = this.#nodes.child(old, 0);
      this.#height -= 1;
      this.#nodes.free(old);
    }
  }

  /** Visits entries in key order from `key` on (or after it, if exclusive) until `visit` returns false. */
  scan(from: { key: ByteRange; exclusive: boolean }, visit: (entry: number) => boolean): void {
    const nodes = this.#nodes;
    let leaf = this.#descend(from.key);
    const found = nodes.search(leaf, LEAF, from.key);
    let index = (found >>> 1) + (from.exclusive ? found & 1 : 0);
    while (leaf !== 0) {
      for (; index < nodes.count(leaf); index++) if (!visit(nodes.entry(leaf, index))) return;
      leaf = nodes.next(leaf);
      index = 0;
    }
  }

  /** Finds the leaf for `key`; stores the path to it in `#path` and `#taken`. */
  #descend(key: ByteRange): number {
    let node = this.#root;
    for (let level = 0; level < this.#height; level++) {
      const found = this.#nodes.search(node, BRANCH, key);
      const index = Math.max(0, (found >>> 1) - 1 + (found & 1));
      this.#path[level] = node;
      this.#taken[level] = index;
      node = this.#nodes.child(node, index);
    }
    return node;
  }

  #insert(level: number, at: { node: number; index: number; entry: number; child: number }): void {
    const nodes = this.#nodes;
    const { node, index } = at;
    const kind = this.#kindAt(level);
    const count = nodes.count(node);
    if (count < kind.countMax) return nodes.insert(node, kind, at);

    const right = nodes.add();
    const cut = this.#cutOf(level, node, index);
    if (cut < count) nodes.moveTail(node, kind, { index: cut, target: right });
    if (index <= cut && cut < count) nodes.insert(node, kind, at);
    else nodes.insert(right, kind, { ...at, index: index - cut });
    if (kind === LEAF) {
      nodes.link(right, nodes.next(node));
      nodes.link(node, right);
      if (this.#lastLeaf === node) this.#lastLeaf = right;
    }
    this.#addSibling(level, node, right);
  }

  /** Index at which a full node is split: its end if keys come in ascending order, so that the node stays full. */
  #cutOf(level: number, node: number, index: number): number {
    const count = this.#nodes.count(node);
    if (index < count) return count >>> 1;
    for (let above = 0; above < level; above++) {
      const parent = this.#path[above] as number;
      // Inside the tree a quarter moves too; otherwise each of several descending keys below a full node would get its own node.
      if (this.#taken[above] !== this.#nodes.count(parent) - 1) return count - (count >>> 2);
    }
    return count;
  }

  #addSibling(level: number, node: number, right: number): void {
    const nodes = this.#nodes;
    const entry = nodes.entry(right, 0);
    if (level > 0) {
      const parent = this.#path[level - 1] as number;
      const index = (this.#taken[level - 1] as number) + 1;
      return this.#insert(level - 1, { node: parent, index, entry, child: right });
    }
    this.#root = nodes.add();
    this.#height += 1;
    nodes.insert(this.#root, BRANCH, { index: 0, entry: nodes.entry(node, 0), child: node });
    nodes.insert(this.#root, BRANCH, { index: 1, entry, child: right });
  }

  /** Updates the path from `level` upwards after the first entry of the subtree below has changed. */
  #newFirst(level: number, entry: number): void {
    for (let above = level; above >= 0; above--) {
      const index = this.#taken[above] as number;
      this.#nodes.replace(this.#path[above] as number, index, entry);
      if (index > 0) return;
    }
  }

  #remove(level: number, node: number, index: number): void {
    const nodes = this.#nodes;
    const kind = this.#kindAt(level);
    nodes.remove(node, kind, index);
    const count = nodes.count(node);
    if (count === 0) return this.#drop(level, node);
    if (index === 0) this.#newFirst(level - 1, nodes.entry(node, 0));
    if (level > 0 && count < kind.countMax >>> 2) this.#merge(level, node);
  }

  /** Removes an empty node; the root stays, as an empty leaf. */
  #drop(level: number, node: number): void {
    if (level === 0) return;
    if (level === this.#height) this.#unlink(node);
    this.#nodes.free(node);
    this.#remove(level - 1, this.#path[level - 1] as number, this.#taken[level - 1] as number);
  }

  /** Merges a sparse node with a neighbour under the same parent if both together leave room. */
  #merge(level: number, node: number): void {
    const nodes = this.#nodes;
    const kind = this.#kindAt(level);
    const parent = this.#path[level - 1] as number;
    const index = this.#taken[level - 1] as number;
    const room = (kind.countMax * 3) >>> 2;
    for (const left of [index, index - 1]) {
      if (left < 0 || left + 1 >= nodes.count(parent)) continue;
      const target = nodes.child(parent, left);
      const source = nodes.child(parent, left + 1);
      if (nodes.count(target) + nodes.count(source) > room) continue;
      assert(node === target || node === source, 'one of the two is the sparse node');
      nodes.moveTail(source, kind, { index: 0, target });
      if (kind === LEAF) this.#unlink(source);
      nodes.free(source);
      return this.#remove(level - 1, parent, left + 1);
    }
  }

  #unlink(leaf: number): void {
    const previous = this.#nodes.previous(leaf);
    this.#nodes.link(previous, this.#nodes.next(leaf));
    if (this.#lastLeaf === leaf) this.#lastLeaf = previous;
  }

  #kindAt(level: number): NodeKind {
    return level === this.#height ? LEAF : BRANCH;
  }
}
