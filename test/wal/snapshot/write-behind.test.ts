import { describe, expect, test } from 'vitest';
import { WalshipError } from '../../../src/errors.ts';
import type { DiskFile } from '../../../src/ports/disk.ts';
import { MiB } from '../../../src/ports/units.ts';
import { WriteBehind } from '../../../src/wal/snapshot/write-behind.ts';

/** A file whose writes end when the test says so. */
class HeldFile implements Pick<DiskFile, 'writeDurable'> {
  readonly bytes = Buffer.alloc(4 * MiB);
  readonly writes: { readonly length: number; readonly end: (error?: Error) => void }[] = [];

  writeDurable(source: Buffer, position: number): Promise<void> {
    source.copy(this.bytes, position);
    return new Promise((done, fail) => {
      const end = (error?: Error): void => (error === undefined ? done() : fail(error));
      this.writes.push({ length: source.length, end });
    });
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('writing behind', () => {
  test('has one write in flight, and what comes meanwhile is the next one', async () => {
    const file = new HeldFile();
    const writes = new WriteBehind(file, 0);
    const memory = Buffer.alloc(3);
    const durable: number[] = [];
    for (let index = 0; index < 3; index += 1) {
      memory.fill(97 + index);
      writes.add(memory).then(
        () => durable.push(index),
        () => undefined,
      );
    }
    await turn();
    expect(file.writes.map(({ length }) => length)).toEqual([3]);
    expect(durable).toEqual([]);

    file.writes[0]?.end();
    await turn();
    expect(durable).toEqual([0]);
    expect(file.writes.map(({ length }) => length)).toEqual([3, 6]);

    file.writes[1]?.end();
    await writes.settled();
    expect(durable).toEqual([0, 1, 2]);
    expect(file.bytes.toString('latin1', 0, 9)).toBe('aaabbbccc');
  });

  test('splits what is more than fits, and goes on where it was told to', async () => {
    const file = new HeldFile();
    const writes = new WriteBehind(file, 5);
    const given = Buffer.from(Array.from({ length: 2 * MiB + 7 }, (_, index) => index % 251));
    const done = writes.add(given);
    for (let index = 0; index < 3; index += 1) {
      await turn();
      file.writes[index]?.end();
    }
    await done;

    expect(file.writes.map(({ length }) => length)).toEqual([MiB, MiB, 7]);
    expect(file.bytes.subarray(5, 5 + given.length).equals(given)).toBe(true);
  });

  test('fails everything that is not durable once a write has failed, and takes no more', async () => {
    const file = new HeldFile();
    const writes = new WriteBehind(file, 0);
    const all = Promise.allSettled([1, 2].map((value) => writes.add(Buffer.from([value]))));
    await turn();
    file.writes[0]?.end(new WalshipError('DISK_FULL', 'no room'));

    for (const result of await all) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'DISK_FULL' } });
    }
    await expect(writes.add(Buffer.from([3]))).rejects.toMatchObject({ code: 'DISK_FULL' });
    await writes.settled();
    expect(file.writes).toHaveLength(1);
  });
});
