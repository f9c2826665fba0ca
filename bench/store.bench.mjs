/** The state machine alone: what five million keys cost in memory, and how long the event loop is held up by them. */
import { APPLY_BYTES_MAX, APPLY_MS_MAX } from '../dist/node/replica/applier.js';
import { Store } from '../dist/store/store.js';
import { recordBytes } from '../dist/wal/format/record.js';
import { medianOf, MiB } from './support.mjs';

const KEYS = 5_000_000;
const VALUE = Buffer.alloc(100, 0x76);
/** As many records as a node applies before it looks at the time. */
const SLICE = Math.floor(APPLY_BYTES_MAX / recordBytes(16, VALUE.length));

/** Distinct 16-byte keys that do not come in order. */
function keyOf(index, key) {
  const mixed = Math.imul(index, 0x9e3779b1) >>> 0;
  key.write(mixed.toString(16).padStart(8, '0'), 0, 'latin1');
  key.write(index.toString(16).padStart(8, '0'), 8, 'latin1');
}

async function fill() {
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const store = new Store({ seed: 1 });
  const key = Buffer.alloc(16);
  const turns = [];
  let last = performance.now();
  const start = last;
  for (let index = 0; index < KEYS;) {
    // A turn as a node's applier takes it.
    do {
      const end = Math.min(index + SLICE, KEYS);
      for (; index < end; index += 1) {
        keyOf(index, key);
        store.put(index + 1, key, VALUE);
      }
    } while (index < KEYS && performance.now() - last < APPLY_MS_MAX);
    await new Promise((resolve) => setImmediate(resolve));
    const now = performance.now();
    turns.push(now - last);
    last = now;
  }
  const seconds = (last - start) / 1000;
  const resident = (process.memoryUsage().rss - before) / MiB;
  return { store, seconds, resident, turns };
}

let filled;

async function memory() {
  filled = await fill();
  const { resident, seconds } = filled;
  const note = `${((resident * MiB) / KEYS).toFixed(0)} bytes per key; ${Math.round(KEYS / seconds / 1000)} thousand puts/s, keys in no order`;
  return { value: resident, unit: 'MiB', base: 'key + value 553 MiB', note };
}

async function pause() {
  const { turns } = filled ?? (await fill());
  const worst = Math.max(...turns);
  const note = `median turn ${medianOf(turns).toFixed(1)} ms, of ${APPLY_MS_MAX} ms as a node applies; garbage collection included`;
  return { value: worst, unit: 'ms', base: 'limit 50 ms', ratio: worst / 50, note };
}

export const figures = [
  { name: '5,000,000 keys of 16 + 100 B, resident', run: memory },
  { name: 'worst event-loop pause meanwhile', goal: { most: 1 }, run: pause },
];
