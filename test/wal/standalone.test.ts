import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { isWalshipError, open, OP } from '../../src/wal/index.ts';
import type { LogRecord } from '../../src/wal/index.ts';

const dirs: string[] = [];
afterEach(async () => {
  for (const dir of dirs.splice(0)) await rm(dir, { recursive: true });
});

async function newDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'walship-log-'));
  dirs.push(dir);
  return dir;
}

const SMALL = { segmentBytes: 4096 };

/** The state machine of the classic lesson: a map. */
function replayer(): { state: Map<string, string>; apply: (record: LogRecord) => void } {
  const state = new Map<string, string>();
  const apply = ({ op, key, value }: LogRecord): void => {
    if (op === OP.PUT) state.set(key.toString(), value.toString());
    if (op === OP.DELETE) state.delete(key.toString());
  };
  return { state, apply };
}

async function lsnsOf(log: AsyncIterable<LogRecord>): Promise<number[]> {
  const lsns: number[] = [];
  for await (const { lsn } of log) lsns.push(lsn);
  return lsns;
}

describe('walship/wal', () => {
  test('five operations, a restart and a replay give the same state, and a second replay changes nothing', async () => {
    const dir = await newDir();
    const log = await open(dir, SMALL);
    await log.append(OP.PUT, 'a', '1');
    await log.append(OP.PUT, 'b', '2');
    await log.append(OP.PUT, 'a', '3');
    await log.append(OP.DELETE, 'b');
    const version = await log.append(OP.PUT, 'c', '4');
    await log.close();

    const { state, apply } = replayer();
    const reopened = await open(dir, { ...SMALL, replay: apply });
    const afterRestart = Object.fromEntries(state);
    for await (const record of reopened.read()) apply(record);
    await reopened.close();

    expect(version).toEqual({ epoch: 1, lsn: 6 });
    expect(afterRestart).toEqual({ a: '3', c: '4' });
    expect(Object.fromEntries(state)).toEqual(afterRestart);
  });

  test('reading from an LSN starts there, and goes on across segments', async () => {
    const log = await open(await newDir(), SMALL);
    for (let index = 0; index < 200; index += 1) {
      await log.append(OP.PUT, `k${index}`, 'x'.repeat(100));
    }

    expect(await lsnsOf(log.read({ from: 150 }))).toEqual(
      Array.from({ length: 52 }, (_, index) => 150 + index),
    );
    await log.close();
  });

  test('a transaction has one version, that of its last operation', async () => {
    const log = await open(await newDir(), SMALL);
    const version = await log.transaction([
      { op: OP.PUT, key: 'a', value: '1' },
      { op: OP.DELETE, key: 'b' },
    ]);

    expect(version).toEqual({ epoch: 1, lsn: 3 });
    expect(log.durable).toEqual(version);
    await log.close();
  });

  test('each opening that appends is an epoch of its own', async () => {
    const dir = await newDir();
    for (const epoch of [1, 2, 3]) {
      const log = await open(dir, SMALL);
      expect((await log.append(OP.PUT, 'a', 'b')).epoch).toBe(epoch);
      await log.close();
    }
    const log = await open(dir, SMALL);
    await log.close();
    expect(log.durable).toEqual({ epoch: 3, lsn: 6 });
  });

  test.for([
    ['an empty key', OP.PUT, '', 'v', 'KEY_INVALID'],
    ['a key of 4,097 bytes', OP.PUT, 'k'.repeat(4097), 'v', 'KEY_INVALID'],
    ['a value over 16 MiB', OP.PUT, 'k', 'v'.repeat(16 * 1024 * 1024 + 1), 'VALUE_TOO_LARGE'],
    ['an EPOCH of one’s own', OP.EPOCH, 'k', 'v', 'REQUEST_INVALID'],
    ['a DELETE with a value', OP.DELETE, 'k', 'v', 'REQUEST_INVALID'],
  ] as const)('%s is rejected and writes nothing', async ([, op, key, value, code]) => {
    const log = await open(await newDir(), SMALL);
    await log.append(OP.PUT, 'a', 'b');
    const before = log.durable;

    const error = await log.append(op, key, value).catch((caught: unknown) => caught);
    await log.close();

    expect(isWalshipError(error, code)).toBe(true);
    expect(error).toMatchObject({ outcome: 'rejected' });
    expect(log.durable).toEqual(before);
  });

  test('after close an append is rejected', async () => {
    const log = await open(await newDir(), SMALL);
    await log.append(OP.PUT, 'a', 'b');
    await log.close();

    await expect(log.append(OP.PUT, 'a', 'c')).rejects.toMatchObject({
      code: 'NODE_CLOSED',
      outcome: 'rejected',
    });
  });
});
