import type { Store, StoredEntry } from '../../src/store/store.ts';

/** What a store has to be, in the plainest way: a map by the hexadecimal digits of the key, which sort as the bytes do. */
export class StoreModel {
  readonly entries = new Map<string, { readonly value: Buffer; readonly lsn: number }>();

  put(lsn: number, key: Uint8Array, value: Uint8Array): void {
    this.entries.set(Buffer.from(key).toString('hex'), { lsn, value: Buffer.from(value) });
  }

  delete(key: Uint8Array): void {
    this.entries.delete(Buffer.from(key).toString('hex'));
  }

  page(prefix: Uint8Array, after: Uint8Array | undefined, limit: number): StoredEntry[] {
    const start = Buffer.from(prefix).toString('hex');
    const behind = after === undefined ? undefined : Buffer.from(after).toString('hex');
    return [...this.entries]
      .filter(([key]) => key.startsWith(start) && (behind === undefined || key > behind))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
      .map(([key, { value, lsn }]) => ({ key: Buffer.from(key, 'hex'), value, lsn }));
  }

  get bytes(): number {
    let bytes = 0;
    for (const [key, { value }] of this.entries) bytes += key.length / 2 + value.length;
    return bytes;
  }
}

/** Everything in a store, read in pages of `limit`. */
export function contentOf(store: Store, limit = 100): StoredEntry[] {
  const content: StoredEntry[] = [];
  for (;;) {
    const after = content.at(-1)?.key;
    const page = store.page({ limit, ...(after === undefined ? {} : { after }) });
    content.push(...page);
    if (page.length < limit) return content;
  }
}

/** A generator of integers in [0, end) that a seed decides (mulberry32). */
export function randomBelow(seed: number): (end: number) => number {
  let state = seed | 0;
  return (end) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end);
  };
}

/** Short lines to compare: a difference prints well, and large values are not compared byte by byte. */
export function linesOf(entries: readonly StoredEntry[]): string[] {
  return entries.map(({ key, value, lsn }) => {
    const text =
      value.length > 64 ? `${value.length}:${value[0]}:${value.at(-1)}` : value.toString('hex');
    return `${key.toString('hex')} = ${text} @${lsn}`;
  });
}

/** Whether both hold the same; one comparison of two strings, because comparing thousands of objects takes seconds. */
export function sameContent(store: Store, model: StoreModel, limit = 100): boolean {
  const found = linesOf(contentOf(store, limit)).join('\n');
  return found === linesOf(model.page(Buffer.alloc(0), undefined, Infinity)).join('\n');
}
