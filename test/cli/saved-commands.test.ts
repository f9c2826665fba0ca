import { mkdtemp, open as openFile, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommandLine } from '../../src/cli/program.ts';
import { OP, open } from '../../src/wal/index.ts';
import { Terminal } from './terminal.ts';

const NAME = '00000000000000000003-1.wal';
let parent = '';
/** A data directory whose log was damaged in LSN 2, and repaired: LSN 3 is in saved/, with the damage before it. */
let dir = '';
beforeAll(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'walship-saved-'));
  dir = path.join(parent, 'n1');
  const log = await open(dir, { segmentBytes: 64 * 1024 });
  for (const value of ['one', 'two', 'three']) await log.append(OP.PUT, 'key', value);
  await log.close();
  await damage(`${dir}/wal/00000000000000000001.wal`, 'two');
  expect((await run('log', 'repair', dir)).code).toBe(0);
});
afterAll(async () => await rm(parent, { recursive: true, force: true }));

/** Turns one bit of the first record with this value, or turns it back. */
async function damage(file: string, value: string): Promise<void> {
  const handle = await openFile(file, 'r+');
  try {
    const bytes = await handle.readFile();
    const offset = bytes.indexOf(value);
    await handle.write(Buffer.from([(bytes[offset] ?? 0) ^ 1]), 0, 1, offset);
  } finally {
    await handle.close();
  }
}

async function run(...args: readonly string[]): Promise<{ code: number; io: Terminal }> {
  const io = new Terminal();
  return { code: await runCommandLine(args, io), io };
}

describe('saved', () => {
  test('list says from where to where, when, why and by whose decision', async () => {
    const people = await run('saved', 'list', dir);
    const json = await run('saved', 'list', dir, '--json');

    expect(people.code, people.io.stderr).toBe(0);
    expect(people.io.stdout).toMatch(/^NAME .* WHEN .* FROM LSN .* LOCAL ACKS .* BY .* WHY\n/);
    expect(people.io.stdout).toMatch(/\n0{19}3-1\.wal .* unknown .* operator .*checksum/);
    const entries = JSON.parse(json.io.stdout) as Record<string, unknown>[];
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({
      name: NAME,
      from: { epoch: 1, lsn: 3 },
      to: { epoch: 1, lsn: 4 },
      by: 'operator',
      // The first of the two is damaged, and nothing behind it continues.
      records: 'unknown',
    });
  });

  test('list of a directory that lost nothing says so', async () => {
    const whole = path.join(parent, 'whole');
    await (await open(whole, {})).close();

    const listed = await run('saved', 'list', whole);

    expect(listed.io.stdout).toBe('nothing was saved\n');
    expect((await run('saved', 'list', whole, '--json')).io.stdout).toBe('[]\n');
  });

  test('show prints what is verified and fails at what is not', async () => {
    const shown = await run('saved', 'show', dir, NAME);

    expect(shown.code).toBe(1);
    expect(shown.io.stdout).toMatch(/^saved 20.* by operator: .*checksum/);
    expect(shown.io.stderr).toContain('walship: WAL_CORRUPT: ');
  });

  test('export gives the segment byte for byte, and never writes over a file', async () => {
    const out = path.join(parent, 'tail.wal');

    const exported = await run('saved', 'export', dir, NAME, '--format', 'segment', '--out', out);
    const again = await run('saved', 'export', dir, NAME, '--format', 'segment', '--out', out);

    expect(exported.code, exported.io.stderr).toBe(0);
    const saved = await readFile(path.join(dir, 'saved', NAME));
    expect((await readFile(out)).equals(saved)).toBe(true);
    expect(again.code).toBe(1);
    expect(again.io.stderr).toContain('EEXIST');
  });

  test('export as JSON lines gives every record with its version, up to the damage', async () => {
    const whole = path.join(parent, 'copy');
    await run('saved', 'export', dir, NAME, '--format', 'segment', '--out', whole);
    // Turned back, the bit makes the entry whole again.
    await damage(path.join(dir, 'saved', NAME), 'uwo');

    const exported = await run('saved', 'export', dir, NAME);
    const listed = await run('saved', 'list', dir, '--json');

    expect(exported.code, exported.io.stderr).toBe(0);
    const records = exported.io.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    const put = { op: 'PUT', last: true, key: 'key' };
    expect(records).toEqual([
      { version: '1.3', ...put, value64: Buffer.from('two').toString('base64') },
      { version: '1.4', ...put, value64: Buffer.from('three').toString('base64') },
    ]);
    expect(JSON.parse(listed.io.stdout)).toMatchObject([{ records: 2 }]);
  });

  test('a name that is not there is refused with the names that are', async () => {
    const shown = await run('saved', 'show', dir, 'no-such-entry');

    expect(shown.code).toBe(1);
    expect(shown.io.stderr).toContain(`no saved entry no-such-entry: there are ${NAME}`);
    expect((await readdir(path.join(dir, 'saved'))).toSorted()).toContain(NAME);
  });

  test('a directory that is not there is an error and not an empty one', async () => {
    const listed = await run('saved', 'list', path.join(parent, 'absent'));

    expect(listed.code).toBe(1);
    expect(listed.io.stderr).toContain('there is no ');
  });
});
