import { afterEach, describe, expect, test } from 'vitest';
import { del } from '../../src/cli/del.ts';
import { get } from '../../src/cli/get.ts';
import { promote } from '../../src/cli/promote.ts';
import { put } from '../../src/cli/put.ts';
import { scan } from '../../src/cli/scan.ts';
import { wait } from '../../src/cli/wait.ts';
import { watch } from '../../src/cli/watch.ts';
import { FakeServer, refusal } from './fake-server.ts';
import type { Reply, Seen } from './fake-server.ts';
import { Terminal } from './terminal.ts';

const servers: FakeServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map(async (server) => await server.close()));
});

async function fake(answer: (seen: Seen) => Reply): Promise<FakeServer> {
  const server = await FakeServer.start(answer);
  servers.push(server);
  return server;
}

/** An address where nobody listens. */
async function nobody(): Promise<string> {
  const server = await FakeServer.start(() => ({}));
  await server.close();
  return server.url;
}

const common = (...url: string[]) => ({ url, json: false, timeoutMs: 5_000 });
const writing = (...url: string[]) => ({ ...common(...url), ack: 'quorum', key64: false });
const reading = (...url: string[]) => ({ ...common(...url), read: 'local', key64: false });
const WRITTEN = { version: '3.42', epoch: 3, lsn: 42, ack: 'quorum', durableOn: ['n1', 'n2'] };

describe('put and del', () => {
  test('put sends the bytes of the value and prints the version', async () => {
    const server = await fake(() => ({ json: WRITTEN }));
    const io = new Terminal();

    await put({ key: 'a/b ü', value: 'hello' }, writing(server.url), io);

    expect(server.seen[0]).toMatchObject({
      method: 'PUT',
      path: '/v1/kv/a%2Fb%20%C3%BC',
      query: { ack: 'quorum', timeoutMs: '5000' },
      body: Buffer.from('hello'),
    });
    expect(io.stdout).toBe('3.42, durable on n1, n2\n');
  });

  test('put takes a value of any bytes from standard input', async () => {
    const server = await fake(() => ({ json: WRITTEN }));
    const value = Buffer.from([0, 255, 10, 128]);

    await put({ key: 'k', value: '-' }, writing(server.url), new Terminal(value));

    expect(server.seen[0]?.body).toEqual(value);
  });

  test('put sends conditions as HTTP spells them', async () => {
    const server = await fake(() => ({ json: WRITTEN }));

    await put(
      { key: 'k', value: '' },
      { ...writing(server.url), ifVersion: '3.41' },
      new Terminal(),
    );
    await put({ key: 'k', value: '' }, { ...writing(server.url), ifAbsent: true }, new Terminal());

    expect(server.seen[0]?.headers['if-match']).toBe('"3.41"');
    expect(server.seen[1]?.headers['if-none-match']).toBe('*');
  });

  test.for([
    ['gP8', '/v1/kv/%80%FF', {}],
    // URL parsers would take these for steps in a path.
    ['Lg', '/v1/kv/', { key64: 'Lg' }],
    ['Li4', '/v1/kv/', { key64: 'Li4' }],
  ] as const)('a key given as base64url %s arrives byte by byte', async ([key, path, query]) => {
    const server = await fake(() => ({ json: WRITTEN }));

    await del(key, { ...writing(server.url), key64: true }, new Terminal());

    expect(server.seen[0]).toMatchObject({ method: 'DELETE', path });
    expect(server.seen[0]?.query).toMatchObject(query);
  });

  test('a follower sends the write on to the leader, body and all', async () => {
    const leader = await fake(() => ({ json: WRITTEN }));
    const follower = await fake((seen) => ({
      status: 307,
      headers: { location: `${leader.url}${seen.path}?ack=quorum` },
    }));

    await put({ key: 'k', value: 'v' }, writing(follower.url), new Terminal());

    expect(leader.seen[0]).toMatchObject({
      method: 'PUT',
      path: '/v1/kv/k',
      body: Buffer.from('v'),
    });
  });

  test('two followers that point at each other end as NO_LEADER', async () => {
    const a: FakeServer = await fake((seen) => ({
      status: 307,
      headers: { location: `${b.url}${seen.path}` },
    }));
    const b: FakeServer = await fake((seen) => ({
      status: 307,
      headers: { location: `${a.url}${seen.path}` },
    }));

    await expect(
      put({ key: 'k', value: 'v' }, writing(a.url), new Terminal()),
    ).rejects.toMatchObject({
      code: 'NO_LEADER',
      outcome: 'rejected',
    });
    expect(a.seen.length + b.seen.length).toBe(4);
  });

  test('the next address is tried where nobody listens or no leader is known', async () => {
    const lost = await fake(() => ({ status: 503, json: refusal('NO_LEADER', 'rejected') }));
    const leader = await fake(() => ({ json: WRITTEN }));
    const io = new Terminal();

    await put({ key: 'k', value: 'v' }, writing(`${await nobody()},${lost.url}`, leader.url), io);

    expect(io.stdout).toContain('3.42');
  });

  test('a write that may have happened is never sent twice', async () => {
    const broken = await fake(() => ({ hangUp: true }));
    const other = await fake(() => ({ json: WRITTEN }));

    await expect(
      put({ key: 'k', value: 'v' }, writing(broken.url, other.url), new Terminal()),
    ).rejects.toMatchObject({ code: 'PEER_UNREACHABLE', outcome: 'indeterminate' });
    expect(other.seen).toEqual([]);
  });

  test('a refusal keeps its code, outcome and hint', async () => {
    const server = await fake(() => ({
      status: 412,
      json: refusal('CONDITION_FAILED', 'rejected'),
    }));

    await expect(del('k', writing(server.url), new Terminal())).rejects.toMatchObject({
      code: 'CONDITION_FAILED',
      message: 'a CONDITION_FAILED',
      outcome: 'rejected',
      details: { hint: 'advice on CONDITION_FAILED' },
    });
  });

  test('a code of a newer server is passed on by its name', async () => {
    const server = await fake(() => ({ status: 400, json: refusal('FROM_THE_FUTURE') }));

    await expect(del('k', writing(server.url), new Terminal())).rejects.toThrow(
      'FROM_THE_FUTURE: a FROM_THE_FUTURE',
    );
  });

  test.for([
    ['nobody listens', async () => await nobody(), 'PEER_UNREACHABLE', 'rejected'],
    [
      'something else answers',
      async () => (await fake(() => ({ status: 502, body: Buffer.from('<html>') }))).url,
      'PROTOCOL_ERROR',
      'indeterminate',
    ],
  ] as const)('where %s it says so', async ([, url, code, outcome]) => {
    await expect(del('k', writing(await url()), new Terminal())).rejects.toMatchObject({
      code,
      outcome,
    });
  });

  test.for([
    ['an empty key', { key: '', key64: false }],
    ['a key that is no base64url', { key: 'a+b', key64: true }],
  ] as const)('%s is refused before anything is sent', async ([, { key, key64 }]) => {
    const server = await fake(() => ({}));

    await expect(
      put({ key, value: 'v' }, { ...writing(server.url), key64 }, new Terminal()),
    ).rejects.toMatchObject({ code: 'KEY_INVALID', outcome: 'rejected' });
    expect(server.seen).toEqual([]);
  });
});

describe('get', () => {
  test('prints the bytes of the value and nothing else', async () => {
    const body = Buffer.from([0, 255, 10]);
    const server = await fake(() => ({ body, headers: { etag: '"3.42"' } }));
    const io = new Terminal();

    await get('k', { ...reading(server.url), read: 'linearizable', minVersion: '3.40' }, io);

    expect(io.bytes).toEqual(body);
    expect(server.seen[0]?.query).toEqual({
      read: 'linearizable',
      timeoutMs: '5000',
      minVersion: '3.40',
    });
  });

  test('--json tells value, version and what the node has applied', async () => {
    const server = await fake(() => ({
      body: Buffer.from([255]),
      headers: { etag: '"3.42"', 'walship-version': '3.50' },
    }));
    const io = new Terminal();

    await get('k', { ...reading(server.url), json: true }, io);

    expect(JSON.parse(io.stdout)).toEqual({
      key: 'k',
      value64: '/w==',
      version: '3.42',
      applied: '3.50',
    });
  });

  test('an absent key is a failure', async () => {
    const server = await fake(() => ({ status: 404, json: refusal('NOT_FOUND') }));

    await expect(get('k', reading(server.url), new Terminal())).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  test('a version that is none is refused', async () => {
    await expect(
      get('k', { ...reading('127.0.0.1:1'), minVersion: '42' }, new Terminal()),
    ).rejects.toThrow('--min-version must be EPOCH.LSN, as in 3.42, not "42"');
  });
});

describe('scan', () => {
  test('goes on behind the last key of each page, text or not, up to the limit', async () => {
    const pages = [
      {
        entries: [
          { key: 'a', value64: 'MQ==', version: '1.2' },
          { key64: '_w', value64: '/w==', version: '1.3' },
        ],
        more: true,
      },
      { entries: [{ key: 'z', value64: 'bGluZQpicmVhaw==', version: '1.4' }], more: true },
    ];
    const server = await fake(() => ({ json: pages.shift() }));
    const io = new Terminal();

    await scan({ ...common(server.url), prefix: 'p', limit: 3 }, io);

    expect(server.seen.map((seen) => seen.query)).toEqual([
      { prefix: 'p', limit: '3', timeoutMs: '5000' },
      { prefix: 'p', after64: '_w', limit: '1', timeoutMs: '5000' },
    ]);
    expect(io.stdout).toBe('a\t1.2\t1\nbase64:_w\t1.3\tbase64:_w\nz\t1.4\tbase64:bGluZQpicmVhaw\n');
  });
});

describe('watch, wait and promote', () => {
  test('watch prints changes in order and ends after --count', async () => {
    const lines = [
      { op: 'put', key: 'a', value64: 'MQ==', version: '1.2', last: true },
      { progress: '1.2' },
      { op: 'delete', key: 'a', version: '1.3', last: true },
    ];
    const body = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const server = await fake(() => ({ body }));
    const io = new Terminal();

    await watch({ ...common(server.url), after: '1.1', count: 2 }, io);

    expect(io.stdout).toBe('1.2\tput\ta\t1\n1.3\tdelete\ta\n');
    expect(server.seen[0]?.query).toEqual({ after: '1.1' });
  });

  test('a watch that the server ends is a failure', async () => {
    const server = await fake(() => ({ body: Buffer.alloc(0) }));

    await expect(
      watch({ ...common(server.url), after: '1.1', count: 0 }, new Terminal()),
    ).rejects.toMatchObject({ code: 'NODE_CLOSED' });
  });

  test('wait fails where history cut the version off', async () => {
    const server = await fake(() => ({ status: 409, json: refusal('LSN_REPLACED') }));

    await expect(
      wait('3.42', { ...common(server.url), level: 'applied' }, new Terminal()),
    ).rejects.toMatchObject({ code: 'LSN_REPLACED' });
    expect(server.seen[0]?.query).toMatchObject({ version: '3.42', level: 'applied' });
  });

  test('promote asks the first address and no other', async () => {
    const answer = { epoch: 4, promisedBy: ['n1', 'n2'], vouchedBy: ['n1', 'n2'], tookMs: 12 };
    const other = await fake(() => ({ json: answer }));

    await expect(promote(common(await nobody(), other.url), new Terminal())).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
    });
    expect(other.seen).toEqual([]);

    const io = new Terminal();
    await promote(common(other.url), io);
    expect(io.stdout).toBe('leads epoch 4, promised by n1, n2, after 12 ms\n');
  });
});
