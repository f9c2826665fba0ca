import { mkdtemp, open as openFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommandLine } from '../../src/cli/program.ts';
import { OP, open } from '../../src/wal/index.ts';
import { Terminal } from './terminal.ts';

let parent = '';
beforeAll(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'walship-log-'));
});
afterAll(async () => await rm(parent, { recursive: true, force: true }));

/** A directory with an EPOCH record and one batch for each of the values. */
async function logOf(name: string, ...values: readonly string[]): Promise<string> {
  const dir = path.join(parent, name);
  const log = await open(dir, { segmentBytes: 64 * 1024 });
  for (const value of values) await log.append(OP.PUT, 'key', value);
  await log.close();
  return dir;
}

/** Turns one bit of the first record with this value. */
async function damage(dir: string, value: string): Promise<void> {
  const [name = ''] = await readdir(path.join(dir, 'wal'));
  const file = await openFile(path.join(dir, 'wal', name), 'r+');
  try {
    const bytes = await file.readFile();
    const offset = bytes.indexOf(value);
    await file.write(Buffer.from([(bytes[offset] ?? 0) ^ 1]), 0, 1, offset);
  } finally {
    await file.close();
  }
}

async function log(...args: readonly string[]): Promise<{ code: number; io: Terminal }> {
  const io = new Terminal();
  return { code: await runCommandLine(['log', ...args], io), io };
}

describe('log', () => {
  test('dump shows every record and seal of a whole log, for people and as JSON', async () => {
    const dir = await logOf('dump', 'one', 'two');

    const people = await log('dump', dir);
    const json = await log('dump', dir, '--json', '--from', '3');

    expect(people.code, people.io.stderr).toBe(0);
    expect(people.io.stdout).toMatch(
      / 2 {2}PUT {2}key {2}one\n.* seal at 2 .*\n.* 3 {2}PUT {2}key {2}two\n/,
    );
    expect(people.io.stdout).toMatch(/end of log at offset \d+ of 0{19}1\.wal\n$/);
    const lines = json.io.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map((line) => line['kind'])).toEqual(['segment', 'record', 'seal', 'end']);
    expect(lines[1]).toMatchObject({ lsn: 3, opName: 'PUT', key: 'key', value64: 'dHdv' });
  });

  test('verify names segment and offset of a damaged record and fails, repair cuts it off', async () => {
    const dir = await logOf('damaged', 'one', 'two', 'three');
    expect((await log('verify', dir)).code).toBe(0);
    await damage(dir, 'two');

    const dumped = await log('dump', dir);
    const damaged = await log('verify', dir);
    const repaired = await log('repair', dir);
    const again = await log('verify', dir);

    expect(dumped.code).toBe(1);
    expect(damaged.code).toBe(1);
    expect(damaged.io.stdout.split('\n')[0]).toBe(`${dir}: damaged`);
    expect(damaged.io.stderr).toMatch(/^walship: WAL_CORRUPT: .*0{19}1\.wal/);
    expect(damaged.io.stderr).toContain('walship log repair');
    expect(repaired.code, repaired.io.stderr).toBe(0);
    expect(repaired.io.stdout).toContain('cut after lsn 2');
    expect(repaired.io.stdout).toContain('saved/');
    expect(again.code, again.io.stdout).toBe(0);
    expect((await log('repair', dir)).io.stdout).toContain('nothing to repair');
  });

  test('verify without a meta.json says that a start refuses, and not that the log ends', async () => {
    const dir = await logOf('forgot', 'one');
    await rm(path.join(dir, 'meta.json'));

    const { code, io } = await log('verify', dir);

    expect(code).toBe(1);
    expect(io.stdout.split('\n')[0]).toMatch(/meta\.json is absent$/);
    expect(io.stderr).toContain(`hint: a start refuses: walship log repair ${dir} writes another`);
  });

  test('diff fails where logs differ or nothing was compared, and is a success where they are equal', async () => {
    const one = await logOf('diff-one', 'same');
    const other = await logOf('diff-other', 'same');

    const equal = await log('diff', one, one);
    const different = await log('diff', one, other, '--json');

    expect(equal.code).toBe(0);
    expect(equal.io.stdout).toMatch(/^equal from lsn 1 to 2\n/);
    // Two clusters: their ids differ, and so does every chain.
    expect(different.code).toBe(1);
    expect(different.io.stderr).toContain('CHAIN_MISMATCH');
    expect((await log('diff', one)).code).toBe(1);
  });

  test('what is not there is an error and not an empty log', async () => {
    const absent = path.join(parent, 'absent');

    for (const args of [
      ['dump', absent],
      ['verify', absent],
      ['repair', absent],
      ['diff', absent, absent],
    ]) {
      const { code, io } = await log(...args);
      expect(code, args[0]).toBe(1);
      expect(io.stderr).toContain(`there is no ${absent}`);
    }
  });

  test('repair refuses a directory that is in use', async () => {
    const dir = path.join(parent, 'used');
    const used = await open(dir, {});
    await used.append(OP.PUT, 'key', 'value');

    const { code, io } = await log('repair', dir);
    await used.close();

    expect(code).toBe(1);
    expect(io.stderr).toContain('DATA_DIR_LOCKED');
  });
});
