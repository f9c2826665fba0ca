/**
 * Goal: no refusal of a start ends in a hint that refuses too.
 * Method: a directory is broken as an accident or a person would; the node is started, what the hint says is done, the very command where it names
 * one, and the node has to start.
 */
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommandLine } from '../../src/cli/program.ts';
import { reportOf } from '../../src/cli/report-error.ts';
import { ERRORS, type ErrorCode, WalshipError } from '../../src/errors.ts';
import { checkConfig } from '../../src/node/check-config.ts';
import { Replica } from '../../src/node/replica/replica.ts';
import { NodeDisk } from '../../src/ports/node-disk.ts';
import { SystemClock } from '../../src/ports/system-clock.ts';
import { SystemEntropy } from '../../src/ports/system-entropy.ts';
import { encodeMeta, readMetaFile } from '../../src/wal/files/meta.ts';
import { OP } from '../../src/wal/format/record.ts';
import { SAVED_ENTRIES_MAX } from '../../src/wal/files/saved.ts';
import { snapshotBytes } from '../wal/snapshot-fixture.ts';
import { Terminal } from './terminal.ts';

const ID = 'c'.repeat(32);
const disk = new NodeDisk();

let parent = '';
beforeAll(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'walship-refusals-'));
});
afterAll(async () => await rm(parent, { recursive: true, force: true }));

interface Started {
  readonly dir: string;
  readonly voters: readonly string[];
  readonly nodeId?: string;
}

function start({ dir, voters, nodeId = 'n1' }: Started): Promise<Replica> {
  return Replica.open({
    disk,
    clock: new SystemClock(),
    entropy: new SystemEntropy(),
    dir,
    nodeId,
    voterCount: voters.length,
    segmentBytes: 4096,
    onEvent: () => undefined,
  });
}

/** A directory of n1 with an EPOCH record of these voters and 12 keys in several segments, all of it committed where n1 is alone. */
async function made(name: string, voters: readonly string[]): Promise<string> {
  const dir = path.join(parent, `${name}-${voters.length}`);
  const replica = await start({ dir, voters });
  await replica.updateMeta({ clusterId: ID, historyId: ID, state: 'intact' });
  await replica.updateMeta({ voters, quorum: voters.length === 1 ? 1 : 2 });
  await replica.log.begin({ clusterId: ID, historyId: ID });
  const quorum = voters.length === 1 ? 1 : 2;
  const entry = { epoch: 7, leader: 'n1', historyId: ID, voters, quorum };
  replica.log.lead(entry, () => ({ commitLsn: replica.log.durable.lsn, wallMs: 1 }));
  for (let index = 0; index < 12; index += 1) {
    const key = Buffer.from(`key ${index}`);
    replica.log.append([{ op: OP.PUT, key, value: Buffer.alloc(900, `value ${index} `) }]);
    await replica.log.drained();
  }
  await replica.close();
  return dir;
}

const walOf = async (dir: string): Promise<string[]> =>
  (await readdir(path.join(dir, 'wal'))).map((name) => path.join(dir, 'wal', name));

/** Turns a bit in the middle of a segment that is followed by others. */
async function damage(dir: string): Promise<void> {
  const file = (await walOf(dir))[1] ?? '';
  const bytes = await readFile(file);
  bytes[1500] = (bytes[1500] ?? 0) ^ 1;
  await writeFile(file, bytes);
}

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

async function refusalOf(work: Promise<unknown>): Promise<Refusal> {
  const error: unknown = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  const { code, message, hint = '' } = reportOf(error);
  return { code, message, hint };
}

/** Runs the first command that a hint names, as it is written there. */
async function follow(hint: string): Promise<{ code: number; io: Terminal }> {
  const command = /walship (log \w+ \S+)/.exec(hint)?.[1] ?? '';
  const io = new Terminal();
  return { code: await runCommandLine(command.split(' '), io), io };
}

const ALONE = ['n1'];
const THREE = ['n1', 'n2', 'n3'];

/** Each keeps a node from starting; `helps` does what its hint says, and has the node start then. */
interface Case {
  readonly title: string;
  readonly code: ErrorCode;
  readonly voters: readonly string[];
  readonly breaks: (dir: string) => Promise<unknown>;
  readonly hint: RegExp;
  readonly helps: (dir: string, hint: string) => Promise<Started>;
  /** Keys that must be there afterwards. */
  readonly keys: number | 'fewer';
}

async function byCommand(dir: string, hint: string): Promise<Started> {
  const { code, io } = await follow(hint);
  expect(code, io.stderr).toBe(0);
  return { dir, voters: ALONE };
}

/** The directory is moved away; what is empty is filled by the others. */
async function byEmptyDirectory(dir: string, voters: readonly string[]): Promise<Started> {
  await rename(dir, `${dir}.away`);
  return { dir, voters };
}

const remove = (name: string) => (dir: string) => rm(path.join(dir, name));
const write = (name: string, text: string) => (dir: string) =>
  writeFile(path.join(dir, name), text);

async function patchMeta(dir: string, patch: object): Promise<void> {
  const meta = await readMetaFile(disk, dir);
  if (meta === undefined) throw new Error('no meta.json');
  await writeFile(path.join(dir, 'meta.json'), encodeMeta({ ...meta, ...patch }));
}

const CASES: readonly Case[] = [
  ...[
    ['absent', remove('meta.json')] as const,
    ['empty', write('meta.json', '')] as const,
    ['garbled', write('meta.json', '{"format":1}')] as const,
  ].flatMap(([what, breaks]): Case[] => [
    {
      title: `meta.json is ${what}, and the log names one voter`,
      code: 'WAL_CORRUPT',
      voters: ALONE,
      breaks,
      hint: /^walship log repair \S+ writes another one.*nothing is lost$/,
      helps: byCommand,
      keys: 12,
    },
    {
      title: `meta.json is ${what}, and the log names three voters`,
      code: 'WAL_CORRUPT',
      voters: THREE,
      breaks,
      hint: /^move \S+ away and start the node with an empty directory: the other voters fill it$/,
      helps: (dir) => byEmptyDirectory(dir, THREE),
      keys: 0,
    },
  ]),
  {
    title: 'meta.json is absent, and the log of one voter is damaged too',
    code: 'WAL_CORRUPT',
    voters: ALONE,
    breaks: async (dir) => {
      await damage(dir);
      await rm(path.join(dir, 'meta.json'));
    },
    hint: /walship log export \S+ prints the keys that can still be read; then move/,
    helps: async (dir, hint) => {
      const { io } = await follow(hint);
      expect(io.stdout.trim().split('\n').length).toBeGreaterThan(2);
      return byEmptyDirectory(dir, ALONE);
    },
    keys: 0,
  },
  {
    title: 'meta.json is garbled where there is no log yet',
    code: 'WAL_CORRUPT',
    voters: ALONE,
    breaks: async (dir) => {
      await rm(path.join(dir, 'wal'), { recursive: true });
      await writeFile(path.join(dir, 'meta.json'), 'x');
    },
    hint: /it holds no record$/,
    helps: (dir) => byEmptyDirectory(dir, ALONE),
    keys: 0,
  },
  {
    title: 'a record is damaged, with one voter',
    code: 'WAL_CORRUPT',
    voters: ALONE,
    breaks: damage,
    hint: /^walship log repair \S+ saves the rest/,
    helps: byCommand,
    keys: 'fewer',
  },
  {
    title: 'the newest segment is missing, with one voter',
    code: 'SEGMENT_MISSING',
    voters: ALONE,
    breaks: async (dir) => rm((await walOf(dir)).at(-1) ?? ''),
    hint: /^walship log repair \S+ saves the rest/,
    helps: byCommand,
    keys: 'fewer',
  },
  {
    title: 'the oldest segment is missing, with one voter',
    code: 'SEGMENT_MISSING',
    voters: ALONE,
    breaks: async (dir) => rm((await walOf(dir))[0] ?? ''),
    hint: /^walship log repair \S+ saves the rest/,
    helps: byCommand,
    keys: 'fewer',
  },
  {
    title: 'the log is of another history',
    code: 'WRONG_CLUSTER',
    voters: THREE,
    breaks: (dir) => patchMeta(dir, { historyId: 'e'.repeat(32) }),
    hint: /move \S+ away and start with an empty one: the other voters fill it$/,
    helps: (dir) => byEmptyDirectory(dir, THREE),
    keys: 0,
  },
  {
    title: 'the log is of another history, with one voter',
    code: 'WRONG_CLUSTER',
    voters: ALONE,
    breaks: (dir) => patchMeta(dir, { historyId: 'e'.repeat(32) }),
    hint: /start with an empty one; walship log export \S+ prints the keys/,
    helps: async (dir, hint) => {
      const { code, io } = await follow(hint);
      expect(code, io.stderr).toBe(0);
      expect(io.stdout.trim().split('\n')).toHaveLength(12);
      return byEmptyDirectory(dir, ALONE);
    },
    keys: 0,
  },
  {
    title: 'the directory belongs to another node',
    code: 'CONFIG_MISMATCH',
    voters: ALONE,
    breaks: (dir) => patchMeta(dir, { nodeId: 'n9' }),
    hint: /^start it with --node n9/,
    helps: (dir, hint) => {
      const nodeId = /--node (\w+)/.exec(hint)?.[1] ?? '';
      return Promise.resolve({ dir, voters: ALONE, nodeId });
    },
    keys: 12,
  },
  {
    title: 'saved/ is full, and damage has to be saved',
    code: 'SAVED_FULL',
    voters: THREE,
    breaks: async (dir) => {
      await damage(dir);
      await mkdir(path.join(dir, 'saved'));
      for (let number = 1; number <= SAVED_ENTRIES_MAX; number += 1) {
        const stem = `00000000000000000001-${number}`;
        const entry = { format: 1, name: `${stem}.wal`, bytes: 1 };
        await writeFile(path.join(dir, 'saved', `${stem}.json`), JSON.stringify(entry));
        await writeFile(path.join(dir, 'saved', entry.name), 'x');
      }
    },
    hint: /export what you need, then delete files by hand/,
    helps: async (dir) => {
      await rm(path.join(dir, 'saved'), { recursive: true });
      return { dir, voters: THREE };
    },
    keys: 'fewer',
  },
];

describe('a start that is refused', () => {
  test.for(CASES.map((one) => [one.title, one] as const))('because %s', async ([, one]) => {
    const { title, voters, code, breaks, helps, keys } = one;
    const dir = await made(title.replaceAll(/\W+/g, '-'), voters);
    await breaks(dir);

    const refusal = await refusalOf(start({ dir, voters }));
    expect(refusal).toMatchObject({ code, hint: expect.stringMatching(one.hint) as string });

    const replica = await start(await helps(dir, refusal.hint));
    // Behind the EPOCH record.
    const held = Math.max(0, replica.log.durable.lsn - 1);
    if (keys === 'fewer') expect(held).toBeLessThan(12);
    else expect(held).toBe(keys);
    await replica.close();
  });

  test('because another process uses the directory', async () => {
    const dir = await made('locked', ALONE);
    const first = await start({ dir, voters: ALONE });
    const { code, hint } = await refusalOf(start({ dir, voters: ALONE }));
    expect([code, hint]).toEqual(['DATA_DIR_LOCKED', ERRORS.DATA_DIR_LOCKED.hint]);

    await first.close();
    await (await start({ dir, voters: ALONE })).close();
  });

  test('because the cluster goes by other voters says what to start with', async () => {
    const dir = await made('voters', ALONE);
    const replica = await start({ dir, voters: ALONE });
    const peers = THREE.map((nodeId) => ({ nodeId, address: 'a:1' }));
    const run = (): void => checkConfig(replica, peers, 2);
    expect(run).toThrow(/start it with --peers n1=HOST:PORT --quorum 1$/);
    checkConfig(replica, peers.slice(0, 1), 1);
    await replica.close();
  });

  test('because a snapshot of another cluster lies there', async () => {
    const dir = await made('own', ALONE);
    await mkdir(path.join(dir, 'snapshots'));
    const file = path.join(dir, 'snapshots', '00000000000000000007.snap');
    await writeFile(file, snapshotBytes([{ lsn: 6, key: 'a', value: 'b' }]));

    const { code, hint } = await refusalOf(start({ dir, voters: ALONE }));
    expect(code).toBe('WRONG_CLUSTER');
    const named = /move (\S+) out of the directory/.exec(hint)?.[1] ?? '';

    await rename(named, path.join(parent, 'moved.snap'));
    const replica = await start({ dir, voters: ALONE });
    expect(replica.log.durable.lsn).toBe(13);
    await replica.close();
  });
});

describe('log repair', () => {
  test('makes no meta.json in place of one that a newer walship wrote', async () => {
    const dir = await made('newer', ALONE);
    const text = (await readFile(path.join(dir, 'meta.json'), 'utf8')).replace(
      '"format": 1',
      '"format": 2',
    );
    await writeFile(path.join(dir, 'meta.json'), text);

    const io = new Terminal();
    expect(await runCommandLine(['log', 'repair', dir], io)).toBe(1);
    expect(io.stderr).toContain('UNSUPPORTED_VERSION');
    expect(await readFile(path.join(dir, 'meta.json'), 'utf8')).toBe(text);
  });

  test('makes a meta.json that promises the last epoch, and says so', async () => {
    const dir = await made('promise', ALONE);
    const before = await readMetaFile(disk, dir);
    await rm(path.join(dir, 'meta.json'));

    const io = new Terminal();
    expect(await runCommandLine(['log', 'repair', dir], io)).toBe(0);
    expect(io.stdout).toBe(
      `${dir}: meta.json was created again from the log: node n1 is its only voter and has promised epoch 7; no record is gone, the log ends at lsn 13\n`,
    );
    const promise = { epoch: 7, candidate: null, attempt: null };
    expect(await readMetaFile(disk, dir)).toEqual({ ...before, promise });
  });
});

describe('log export', () => {
  const exported = async (
    dir: string,
    ...options: string[]
  ): Promise<{ code: number; io: Terminal; lines: unknown[] }> => {
    const io = new Terminal();
    const code = await runCommandLine(['log', 'export', dir, ...options], io);
    const lines = io.stdout.split('\n').slice(0, -1);
    return { code, io, lines: lines.map((line): unknown => JSON.parse(line)) };
  };

  test('prints the live keys of a log without meta.json', async () => {
    const dir = await made('export', ALONE);
    await rm(path.join(dir, 'meta.json'));
    const before = await readdir(dir);

    const { code, io, lines } = await exported(dir);

    expect(code, io.stderr).toBe(0);
    expect(lines).toHaveLength(12);
    const value64 = Buffer.alloc(900, 'value 3 ').toString('base64');
    expect(lines).toContainEqual({ key: 'key 3', value64, version: '7.5' });
    expect(io.stderr).toBe('12 keys as of lsn 13; the log knows lsn 13 to be committed\n');
    expect(await readdir(dir)).toEqual(before);
  });

  test('prints what is committed only where it is asked to', async () => {
    const dir = await made('export-committed', THREE);
    expect((await exported(dir)).lines).toHaveLength(12);
    // The last seal knows of the batch before it.
    const committed = await exported(dir, '--committed');
    expect(committed.lines).toHaveLength(11);
    expect(committed.io.stderr).toBe(
      '11 keys as of lsn 12; the log knows lsn 12 to be committed\n',
    );
  });

  test('prints what can be read of a damaged log, and fails', async () => {
    const dir = await made('export-damaged', ALONE);
    await damage(dir);

    const { code, io, lines } = await exported(dir);

    expect(code).toBe(1);
    expect(lines.length).toBeGreaterThan(2);
    expect(lines.length).toBeLessThan(12);
    expect(io.stderr).toMatch(/WAL_CORRUPT: .*segment 0+\d+\.wal, offset \d+/);
  });
});

/** Codes that no start of a node ends with: they belong to requests, sessions, clients and drills. */
const NEVER =
  `ABORTED BUSY CHAIN_MISMATCH COMMIT_TIMEOUT CONDITION_FAILED DRILL_FAILED DUPLICATE_NODE FAILOVER_REFUSED HOST_UNKNOWN INTERNAL KEY_INVALID
  KEY_NOT_FOUND LSN_REPLACED METHOD_NOT_ALLOWED NODE_CLOSED NOT_ELIGIBLE NOT_FOUND NOT_READY NO_LEADER NO_QUORUM ORIGIN_REFUSED PEER_UNREACHABLE
  PROMISE_BROKEN PROTOCOL_ERROR PURGED REJOIN_REFUSED REJOIN_UNFINISHED REQUEST_INVALID STALE_EPOCH SWITCHOVER_FAILED SWITCHOVER_UNKNOWN VERSION_FORGOTTEN
  TXN_TOO_LARGE VALUE_TOO_LARGE WAIT_TIMEOUT`.split(/\s+/);

/** Refused by what lies outside of the directory: the hint names what to change there, and no command of walship. */
const OUTSIDE =
  `CONFIG_INVALID CONFIG_MISMATCH DATA_DIR_LOCKED LOCK_UNAVAILABLE PORT_IN_USE DISK_FAILED DISK_FULL DISK_QUOTA DISK_READ_ONLY
  DISK_DENIED NO_DESCRIPTORS PATH_UNUSABLE UNSUPPORTED_VERSION OP_UNKNOWN SAVED_FULL`.split(/\s+/);

test('every code is one that keeps no node from starting, one of the world outside, or followed above', () => {
  const followed = new Set(CASES.map(({ code }) => code as string));
  const left = Object.keys(ERRORS).filter(
    (code) => !NEVER.includes(code) && !OUTSIDE.includes(code) && !followed.has(code),
  );
  expect(left).toEqual([]);
  for (const code of OUTSIDE) {
    expect(reportOf(new WalshipError(code as ErrorCode, 'x')).hint, code).not.toMatch(
      /walship (log|saved|snapshot|status)/,
    );
  }
});
