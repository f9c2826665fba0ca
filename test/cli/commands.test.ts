/** The commands that read and write keys, against a real server with a fake node behind it. */
import { describe, expect, test } from 'vitest';
import { del } from '../../src/cli/del.ts';
import { get } from '../../src/cli/get.ts';
import { put } from '../../src/cli/put.ts';
import { scan } from '../../src/cli/scan.ts';
import { wait } from '../../src/cli/wait.ts';
import { watch } from '../../src/cli/watch.ts';
import { WalshipError } from '../../src/errors.ts';
import { FakeNode } from '../server/fake-node.ts';
import { serverOf } from '../server/harness.ts';
import { Terminal } from './terminal.ts';

/** A node and the address of its server. */
async function fake(nodeId = 'n1'): Promise<{ readonly node: FakeNode; readonly url: string }> {
  const node = new FakeNode(nodeId);
  const { server } = await serverOf(node);
  return { node, url: `http://127.0.0.1:${server.address.port}` };
}

/** An address where nobody listens. */
async function nobody(): Promise<string> {
  const { server } = await serverOf();
  await server.close();
  return `127.0.0.1:${server.address.port}`;
}

const common = (...url: string[]) => ({ url, json: false, timeoutMs: 1_000 });
const writing = (...url: string[]) => ({ ...common(...url), ack: 'quorum' as const, key64: false });
const reading = (...url: string[]) => ({ ...common(...url), read: 'local' as const, key64: false });

describe('put and del', () => {
  test('put writes the bytes of the value and prints the version', async () => {
    const { node, url } = await fake();
    const io = new Terminal();

    await put({ key: 'a/b ü', value: 'hello' }, { ...writing(url), ack: 'all' }, io);

    expect(io.stdout).toBe('3.1, durable on n1, n2\n');
    expect(node.writes[0]).toMatchObject({ ack: 'all', conditions: [] });
    expect(node.writes[0]?.ops).toEqual([
      { op: 'put', key: Buffer.from('a/b ü'), value: Buffer.from('hello') },
    ]);
  });

  test('--json prints what HTTP answers', async () => {
    const { url } = await fake();
    const io = new Terminal();

    await del('k', { ...writing(url), json: true }, io);

    expect(JSON.parse(io.stdout)).toEqual({
      version: '3.1',
      epoch: 3,
      lsn: 1,
      ack: 'quorum',
      durableOn: ['n1', 'n2'],
    });
  });

  test('put takes a value of any bytes from standard input', async () => {
    const { node, url } = await fake();
    const value = Buffer.from([0, 255, 10, 128]);

    await put({ key: 'k', value: '-' }, writing(url), new Terminal(value));

    expect(node.writes[0]?.ops[0]?.value).toEqual(value);
  });

  test('conditions are passed on, and a failed one is the failure', async () => {
    const { node, url } = await fake();
    const key = Buffer.from('k');
    const absent = { ...writing(url), ifAbsent: true };
    await put({ key: 'k', value: '' }, absent, new Terminal());

    await expect(put({ key: 'k', value: '' }, absent, new Terminal())).rejects.toMatchObject({
      code: 'CONDITION_FAILED',
      outcome: 'rejected',
    });
    await del('k', { ...writing(url), ifVersion: '3.1' }, new Terminal());

    expect(node.writes.map(({ conditions }) => conditions)).toEqual([
      [{ key, expect: 'absent' }],
      [{ key, expect: 'absent' }],
      [{ key, expect: { epoch: 3, lsn: 1 } }],
    ]);
  });

  test('a key given as base64url arrives byte by byte', async () => {
    const { node, url } = await fake();

    await del('gP8', { ...writing(url), key64: true }, new Terminal());

    expect(node.writes[0]?.ops[0]?.key).toEqual(Buffer.from([0x80, 0xff]));
  });

  test('the next address is tried where nobody listens, and the leader is followed', async () => {
    const leader = await fake('n2');
    const follower = await fake('n1');
    follower.node.failure = new WalshipError('NO_LEADER', 'n2 does', {
      outcome: 'rejected',
      details: { leader: new URL(leader.url).host, leaderId: 'n2' },
    });
    follower.node.forgiving = true;
    const io = new Terminal();

    await put({ key: 'k', value: 'v' }, writing(`${await nobody()},${follower.url}`), io);

    expect(io.stdout).toContain('3.1');
    expect(leader.node.writes).toHaveLength(1);
  });

  test('where nobody listens nothing was written', async () => {
    await expect(del('k', writing(await nobody()), new Terminal())).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
      outcome: 'rejected',
    });
  });

  test.for([
    ['an empty key', { key: '', key64: false }],
    ['a key that is no base64url', { key: 'a+b', key64: true }],
  ] as const)('%s is refused before anything is sent', async ([, { key, key64 }]) => {
    const { node, url } = await fake();

    await expect(
      put({ key, value: 'v' }, { ...writing(url), key64 }, new Terminal()),
    ).rejects.toMatchObject({ code: 'KEY_INVALID', outcome: 'rejected' });
    expect(node.writes).toEqual([]);
  });
});

describe('get', () => {
  test('prints the bytes of the value and nothing else', async () => {
    const { node, url } = await fake();
    const value = Buffer.from([0, 255, 10]);
    await put({ key: 'k', value: '-' }, writing(url), new Terminal(value));
    const io = new Terminal();

    await get('k', { ...reading(url), read: 'linearizable', minVersion: '2.40' }, io);

    expect(io.bytes).toEqual(value);
    expect(node.reads[0]).toMatchObject({
      level: 'linearizable',
      minVersion: { epoch: 2, lsn: 40 },
    });
  });

  test('--json tells value, version and what the node has applied', async () => {
    const { url } = await fake();
    await put({ key: 'k', value: '-' }, writing(url), new Terminal(Buffer.from([255])));
    await put({ key: 'other', value: '' }, writing(url), new Terminal());
    const io = new Terminal();

    await get('k', { ...reading(url), json: true }, io);

    expect(JSON.parse(io.stdout)).toEqual({
      key: 'k',
      value64: '/w==',
      version: '3.1',
      applied: '3.2',
    });
  });

  test('an absent key is a failure', async () => {
    const { url } = await fake();

    await expect(get('k', reading(url), new Terminal())).rejects.toMatchObject({
      code: 'KEY_NOT_FOUND',
    });
  });

  test('a version that is none is refused', async () => {
    await expect(
      get('k', { ...reading('127.0.0.1:1'), minVersion: '42' }, new Terminal()),
    ).rejects.toThrow('--min-version must be EPOCH.LSN, as in 3.42, not "42"');
  });
});

test('scan prints keys and values, text or not, up to the limit', async () => {
  const { node, url } = await fake();
  const put = (key: Buffer, value: string) => ({
    op: 'put' as const,
    key,
    value: Buffer.from(value),
  });
  const ops = [
    put(Buffer.from('pa'), '1'),
    put(Buffer.from([0x70, 0xff]), 'line\nbreak'),
    put(Buffer.from('pz'), '2'),
    put(Buffer.from('q'), '3'),
  ];
  await node.write({ conditions: [], ops, ack: 'quorum', timeoutMs: 1 });
  const io = new Terminal();
  const json = new Terminal();

  await scan({ ...common(url), prefix: 'p', limit: 10 }, io);
  await scan({ ...common(url), after: 'pa', limit: 1, json: true }, json);

  expect(io.stdout).toBe('pa\t3.1\t1\npz\t3.3\t2\nbase64:cP8\t3.2\tbase64:bGluZQpicmVhaw\n');
  expect(JSON.parse(json.stdout)).toEqual({ key: 'pz', value64: 'Mg==', version: '3.3' });
});

describe('watch and wait', () => {
  test('watch prints changes in order and ends after --count', async () => {
    const { url } = await fake();
    await put({ key: 'a', value: '1' }, writing(url), new Terminal());
    await del('a', writing(url), new Terminal());
    const [io, json] = [new Terminal(), new Terminal()];

    await watch({ ...common(url), after: '0.0', count: 2 }, io);
    await watch({ ...common(url), after: '3.1', count: 1, json: true }, json);

    expect(io.stdout).toBe('3.1\tput\ta\t1\n3.2\tdelete\ta\n');
    expect(JSON.parse(json.stdout)).toEqual({ op: 'delete', key: 'a', version: '3.2', last: true });
  });

  test('wait fails where history cut the version off', async () => {
    const { node, url } = await fake();
    await put({ key: 'a', value: '1' }, writing(url), new Terminal());
    const io = new Terminal();
    await wait('3.1', { ...common(url), level: 'applied' }, io);
    node.failures.push(new WalshipError('LSN_REPLACED', 'cut off'));

    expect(io.stdout).toBe('3.1 is applied\n');
    await expect(
      wait('3.1', { ...common(url), level: 'applied' }, new Terminal()),
    ).rejects.toMatchObject({ code: 'LSN_REPLACED' });
  });
});
