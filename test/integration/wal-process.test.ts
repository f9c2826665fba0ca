/** The log in real processes: one per directory, and what was acknowledged survives `kill -9`. Needs `npm run build`. */
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { open, OP } from '../../src/wal/index.ts';

const WAL = new URL('../../dist/wal/index.js', import.meta.url).href;

let dir = '';
let child: ChildProcessWithoutNullStreams | undefined;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'walship-process-'));
});
afterEach(async () => {
  if (child !== undefined && child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await rm(dir, { recursive: true });
});

/** A process that appends without pause and prints each LSN that was acknowledged. */
function appender(): ChildProcessWithoutNullStreams {
  const program = `
    const { open, OP } = await import(${JSON.stringify(WAL)});
    const log = await open(${JSON.stringify(dir)}, { segmentBytes: 65536 });
    let next = log.durable.lsn;
    const append = async () => {
      for (;;) {
        const { lsn } = await log.append(OP.PUT, 'key', 'x'.repeat(300));
        process.stdout.write(lsn + '\\n');
      }
    };
    await Promise.all([append(), append(), append()]);`;
  return spawn(process.execPath, ['--input-type=module', '-e', program]);
}

test('one process per directory, and kill -9 frees it with every acknowledged record in place', async () => {
  for (const round of [1, 2, 3]) {
    child = appender();
    let acknowledged = 0;
    let lines = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Math.max(acknowledged, Number(line));
      lines += 1;
      if (lines === 500) {
        await expect(open(dir)).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
        child.kill('SIGKILL');
      }
    }
    expect(lines, 'it ran').toBeGreaterThanOrEqual(500);

    const log = await open(dir, { segmentBytes: 65536 });
    const last = log.durable.lsn;
    expect(last, `round ${round}`).toBeGreaterThanOrEqual(acknowledged);
    let count = 0;
    for await (const { lsn, op } of log.read()) {
      count += 1;
      expect(lsn).toBe(count);
      expect([OP.EPOCH, OP.PUT]).toContain(op);
    }
    expect(count).toBe(last);
    await log.append(OP.PUT, 'key', 'after the crash');
    await log.close();
  }
});
