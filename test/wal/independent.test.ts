/**
 * Goal: the format page is enough to write a reader from.
 * Method: a log written by the real code, over several segments and leaderships, is read by a reader that shares no code with it.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OP, open } from '../../src/wal/index.ts';
import { readIndependently } from './independent-reader.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'walship-independent-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

/** Three runs with some 60 operations each; returns the last LSN. */
async function write(): Promise<number> {
  let lsn = 0;
  for (let run = 0; run < 3; run += 1) {
    const log = await open(dir, { segmentBytes: 4096, unsafeNoLock: true });
    const appends: Promise<{ readonly lsn: number }>[] = [];
    for (let index = 0; index < 30; index += 1) {
      appends.push(log.append(OP.PUT, `key-${index}`, 'v'.repeat(index * 7)));
      appends.push(
        log.transaction([
          { op: OP.DELETE, key: `key-${index}` },
          { op: 32, key: 'custom', value: Buffer.alloc(index, 0xa7) },
        ]),
      );
      if (index % 7 === 0) await Promise.all(appends);
    }
    lsn = Math.max(...(await Promise.all(appends)).map((version) => version.lsn));
    await log.close();
  }
  return lsn;
}

test('a reader that shares no code with the log finds the same records, counts and chains', async () => {
  const lsn = await write();

  const found = readIndependently(dir);

  expect(found).toMatchObject({ lsn, records: lsn, epoch: 3 });
  expect(found.segments).toBeGreaterThan(2);
  expect(found.batches).toBeGreaterThan(3);
});

test('that reader refuses any flipped bit except between two writes, so its yes means something', async () => {
  await write();
  const name = readdirSync(join(dir, 'wal'))[1] ?? '';
  const path = join(dir, 'wal', name);
  const good = readFileSync(path);
  for (let bit = 0; bit < good.length * 8; bit += 37) {
    if (good[bit >> 3] === 0xa7) continue;
    const bytes = Buffer.from(good);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    writeFileSync(path, bytes);
    expect(() => readIndependently(dir), `bit ${bit}`).toThrow(/./);
  }
});
