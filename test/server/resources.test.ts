import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Timings } from '../../src/node/timings.ts';
import { WalshipError } from '../../src/errors.ts';
import { PAGE_BYTES_MAX, TXN_BODY_BYTES_MAX } from '../../src/server/limits.ts';
import { TRANSACTION_ITEMS_MAX } from '../../src/wal/format/limits.ts';
import { FakeNode } from './fake-node.ts';
import { sendRaw, serverOf } from './harness.ts';

const FOLLOWER = {
  nodeId: 'n2',
  voter: true,
  connected: true,
  state: 'intact',
  receivedLsn: 1,
  durableLsn: 1,
  appliedLsn: 1,
  lagLsns: 0,
  lagBytes: 7,
  lagMs: 1500,
  reason: null,
} as const;

const repeated = (item: string, count: number): string =>
  Array.from({ length: count }, () => item).join(',');
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('pages', () => {
  test('list keys in byte order, with a cursor to the next page', async () => {
    const { call } = await serverOf();
    for (const key of ['b', '%FF', 'a', '%C3%BC', 'a%2B+']) {
      await call('PUT', `/v1/kv/${key}`, { body: 'v' });
    }

    const first = await call('GET', '/v1/kv?limit=3');
    const { after64 } = first.json['next'] as { after64: string };
    const second = await call('GET', `/v1/kv?limit=3&after64=${after64}`);

    expect(first.json).toEqual({
      entries: [
        { key: 'a', value64: base64('v'), version: '3.3' },
        { key: 'a++', value64: base64('v'), version: '3.5' },
        { key: 'b', value64: base64('v'), version: '3.1' },
      ],
      more: true,
      next: { after64: 'Yg' },
      applied: '3.5',
    });
    expect(first.headers['walship-version']).toBe('3.5');
    expect(second.json).toMatchObject({
      entries: [{ key: 'ü' }, { key64: '_w' }],
      more: false,
      next: null,
    });
  });

  test('a plus in a prefix is a space, as browsers send it', async () => {
    const { call } = await serverOf();
    await call('PUT', '/v1/kv/a%20b', { body: 'v' });
    await call('PUT', '/v1/kv/a+b', { body: 'v' });

    const space = await call('GET', '/v1/kv?prefix=a+');
    const plus = await call('GET', '/v1/kv?prefix=a%2B');

    expect(space.json['entries']).toMatchObject([{ key: 'a b' }]);
    expect(plus.json['entries']).toMatchObject([{ key: 'a+b' }]);
  });

  test('end behind the entry that fills them, and go on there', async () => {
    const { call } = await serverOf();
    const body = Buffer.alloc(PAGE_BYTES_MAX / 4);
    for (let i = 0; i < 10; i += 1) await call('PUT', `/v1/kv/${i}`, { body });

    const first = await call('GET', '/v1/kv');
    const rest = await call('GET', `/v1/kv?after=${first.json['entries'].at(-1).key}&limit=6`);

    expect(first.json['entries'].map((entry: { key: string }) => entry.key)).toEqual([
      '0',
      '1',
      '2',
      '3',
    ]);
    expect(first.json['more']).toBe(true);
    expect(rest.json['entries'][0].key).toBe('4');
  });
});

describe('transactions', () => {
  const post = { headers: { 'content-type': 'application/json' } };

  test('check their conditions and write all operations', async () => {
    const { node, call } = await serverOf();
    await call('PUT', '/v1/kv/a', { body: '1' });

    const body = JSON.stringify({
      if: [
        { key: 'a', version: '3.1' },
        { key: 'b', version: null },
        { key64: 'YQ', version: '*' },
      ],
      ops: [
        { op: 'put', key: 'b', value: base64('2') },
        { op: 'put', key64: '_w', value64: '_w' },
        { op: 'delete', key: 'a' },
      ],
    });
    const done = await call('POST', '/v1/txn?ack=all&timeoutMs=7', { ...post, body });
    const again = await call('POST', '/v1/txn', { ...post, body });

    expect(done.json).toMatchObject({ version: '3.4', ack: 'all' });
    expect(node.writes[1]).toMatchObject({ ack: 'all', timeoutMs: 7 });
    expect(node.writes[1]?.ops.map((op) => [op.op, ...op.value])).toEqual([
      ['put', 0x32],
      ['put', 0xff],
      ['delete'],
    ]);
    expect([again.status, again.json['error'].outcome]).toEqual([412, 'rejected']);
  });

  test.for([
    ['', 'the body is not JSON'],
    ['{', 'the body is not JSON'],
    ['[]', 'the body must be an object'],
    ['{}', 'the transaction is empty'],
    ['{"ops":{}}', 'ops must be a list'],
    ['{"ops":[{}]}{', 'ops[0] must have either key or key64'],
    ['{"ops":[],"ops":[]}', 'the body has ops twice'],
    ['{"ops":[{"op":"delete","key":"a","key":"b"}]}', 'ops[0] has key twice'],
    ['{"ops":[{"op":"delete","key":"a"}]} x', 'the body is not JSON'],
    ['{"ops":[{"op":"delete","key":"a"},]}', 'ops[1] must be an object'],
    ['{"ops":[{"op":"delete","key":"a" "key64":""}]}', 'the body is not JSON'],
    ['{"ops":[{"op":"delete","key":"a', 'the body is not JSON'],
    ['{"ops":[{"op":"delete","key":["a"]}]}', 'ops[0].key must be a string'],
    ['{"ops":[{"op":"delete","key":"\\x"}]}', 'the body is not JSON'],
    ['{"op":[]}', 'the body has unknown fields: op'],
    ['{"ops":[1]}', 'ops[0] must be an object'],
    ['{"ops":[{"op":"put","key":"a"}]}', 'ops[0].value must be a string of base64'],
    ['{"ops":[{"op":"put","key":"a","value":"?"}]}', 'ops[0].value is not base64'],
    ['{"ops":[{"op":"put","key":"a","value":"","value64":""}]}', 'ops[0] has value and value64'],
    ['{"ops":[{"op":"cas","key":"a","value":""}]}', 'ops[0].op must be "put" or "delete"'],
    ['{"ops":[{"op":"delete","key":"a","value":""}]}', 'ops[0] is a delete with a value'],
    ['{"ops":[{"op":"delete"}]}', 'ops[0] must have either key or key64'],
    ['{"ops":[{"op":"delete","key":"a","key64":"YQ"}]}', 'ops[0] must have either key or key64'],
    ['{"ops":[{"op":"delete","key":7}]}', 'ops[0] must have either key or key64'],
    ['{"ops":[{"op":"delete","key":""}]}', 'a key of 0 bytes'],
    ['{"ops":[{"op":"delete","key":"\\ud800"}]}', 'ops[0].key is not well-formed Unicode'],
    ['{"if":[{"key":"a"}],"ops":[]}', 'if[0].version must be'],
    ['{"if":[{"key":"a","version":"7"}],"ops":[]}', 'if[0].version must be'],
  ] as const)('%s is refused: %s', async ([body, message]) => {
    const { node, call } = await serverOf();

    const answer = await call('POST', '/v1/txn', { ...post, body });

    expect(answer.status).toBe(400);
    expect(answer.json['error'].message).toContain(message);
    expect(answer.json['error'].outcome).toBe('rejected');
    expect(node.writes).toEqual([]);
  });

  test.for([
    ['operations', 'ops', '{"op":"delete","key":"a"}'],
    ['conditions', 'if', '{"key":"a","version":null}'],
  ] as const)('more %s than a transaction may have are refused', async ([, name, item]) => {
    const { node, call } = await serverOf();
    const body = `{"${name}":[${repeated(item, TRANSACTION_ITEMS_MAX + 1)}]}`;

    const answer = await call('POST', '/v1/txn', { ...post, body });

    expect(answer.status).toBe(413);
    expect(answer.json['error']).toMatchObject({ code: 'TXN_TOO_LARGE', outcome: 'rejected' });
    expect(node.writes).toEqual([]);
  });

  test('as many operations as may be are written', async () => {
    const { node, call } = await serverOf();
    const body = `{"ops":[${repeated('{"op":"delete","key":"a"}', TRANSACTION_ITEMS_MAX)}]}`;

    expect((await call('POST', '/v1/txn', { ...post, body })).status).toBe(200);
    expect(node.writes[0]?.ops).toHaveLength(TRANSACTION_ITEMS_MAX);
  });

  test.for([
    ['white space, escapes and both alphabets', '\\/-_+', ' \n\t\r '],
    ['no white space', '////', ''],
  ])('a value of many pieces comes as it was sent: %s', async ([, digits, space]) => {
    const { node, call } = await serverOf();
    // Longer than what is decoded at once, and such that escapes lie across each border.
    const text = (digits ?? '').repeat(60_001);
    const body = `{${space}"ops"${space}:${space}[{"op":"put","key":"a","value":"${text}QQ=="${space}}]}`;

    expect((await call('POST', '/v1/txn', { ...post, body })).status).toBe(200);
    const expected = Buffer.from(`${JSON.parse(`"${text}"`) as string}QQ==`, 'base64');
    expect(expected.length).toBeGreaterThan(100_000);
    expect(expected.equals(node.writes[0]?.ops[0]?.value as Buffer)).toBe(true);
  });

  test.for(['?', '=', '\\\\', '\\u00', '\u00e9'])(
    'a long value with %s in it is not base64',
    async (wrong) => {
      const { node, call } = await serverOf();
      const text = `${'QUJD'.repeat(30_000)}${wrong}${'QUJD'.repeat(30_000)}`;
      const body = `{"ops":[{"op":"put","key":"a","value":"${text}"}]}`;

      const answer = await call('POST', '/v1/txn', { ...post, body });

      expect(answer.status).toBe(400);
      expect(node.writes).toEqual([]);
    },
  );

  test('bytes that are not UTF-8 are no JSON', async () => {
    const { call } = await serverOf();
    const body = Buffer.from('{"ops":[{"op":"delete","key":"\xff"}]}', 'latin1');

    expect((await call('POST', '/v1/txn', { body })).json['error'].code).toBe('REQUEST_INVALID');
  });

  test('a body over the limit is TXN_TOO_LARGE', async () => {
    const { server } = await serverOf();
    const text = await sendRaw(
      server,
      `POST /v1/txn HTTP/1.1\r\nHost: n1\r\nContent-Length: ${TXN_BODY_BYTES_MAX + 1}\r\n\r\n`,
    );
    expect(text).toMatch(/^HTTP\/1\.1 413[\s\S]*TXN_TOO_LARGE/);
  });
});

describe('waiting', () => {
  test('answers when the version is there, and with the error where it is not', async () => {
    const { call } = await serverOf();
    await call('PUT', '/v1/kv/a', { body: 'v' });

    const there = await call('GET', '/v1/wait?version=3.1&level=applied');
    const late = await call('GET', '/v1/wait?version=3.2&timeoutMs=1');
    const none = await call('GET', '/v1/wait');

    expect(there.json).toEqual({ version: '3.1', level: 'applied', reached: '3.1' });
    expect([late.status, late.json['error'].code]).toEqual([504, 'WAIT_TIMEOUT']);
    expect([none.status, none.json['error'].message]).toEqual([
      400,
      'parameter version is missing',
    ]);
  });
});

describe('status and health', () => {
  test('the status is the node’s own', async () => {
    const { node, call } = await serverOf();
    const { json } = await call('GET', '/v1/status');
    const eventLoopDelay = { p99Ms: expect.any(Number), maxMs: expect.any(Number) };
    expect(json).toEqual({ ...node.status(), applied: '3.0', eventLoopDelay });
  });

  test('events are the node’s own, from where the asker stopped', async () => {
    const { node, call } = await serverOf();
    node.eventLog.note({ level: 'info', code: 'FOLLOWING', message: 'following n2', epoch: 3 });
    node.eventLog.note({ level: 'warn', code: 'TRUNCATED', message: 'cut to LSN 4' });
    const first = await call('GET', '/v1/events?limit=1');
    const second = await call('GET', '/v1/events?after=1');
    const wrong = await call('GET', '/v1/events?after=x');

    expect(first.json).toMatchObject({ events: [{ seq: 1, details: { epoch: 3 } }], next: 1 });
    expect(second.json).toMatchObject({ events: [{ code: 'TRUNCATED' }], oldest: 1, next: 2 });
    expect(wrong.json['error'].code).toBe('REQUEST_INVALID');
  });

  test('the cluster is every voter’s status, and why there is none', async () => {
    const other = await serverOf(
      Object.assign(new FakeNode(), { nodeId: 'n2', view: { nodeId: 'n2', role: 'follower' } }),
    );
    const stranger = createServer((_request, response) => response.end('hello'));
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void stranger.close());
    const addressOf = (port: number) => `127.0.0.1:${port}`;
    const node = new FakeNode();
    node.view = {
      voters: [
        { nodeId: 'n1', address: '127.0.0.1:1' },
        { nodeId: 'n2', address: addressOf(other.server.address.port) },
        { nodeId: 'n3', address: '127.0.0.1:1' },
        { nodeId: 'n4', address: addressOf((stranger.address() as AddressInfo).port) },
        { nodeId: 'n5', address: addressOf(other.server.address.port) },
      ],
    };
    const { call } = await serverOf(node);

    const { json } = await call('GET', '/v1/cluster');

    expect(json).toMatchObject({
      askedBy: 'n1',
      leader: { nodeId: 'n1', epoch: 3 },
      nodes: [
        { nodeId: 'n1', reachable: true, reason: null, status: { role: 'leader' } },
        { nodeId: 'n2', reachable: true, status: { nodeId: 'n2', role: 'follower' } },
        { nodeId: 'n3', reachable: false, reason: { code: 'PEER_UNREACHABLE' }, status: null },
        { nodeId: 'n4', reachable: false, reason: { code: 'PEER_UNREACHABLE' } },
        { nodeId: 'n5', reachable: false, reason: { code: 'CONFIG_MISMATCH' } },
      ],
    });
  });

  test.for([
    ['/livez', {}, 200],
    ['/livez', { role: 'stopped' }, 503],
    ['/readyz', {}, 200],
    ['/readyz', { notReady: { code: 'NO_LEADER', message: 'none' } }, 503],
    ['/leader', {}, 200],
    ['/leader', { role: 'follower' }, 503],
    ['/leader', { notReady: { code: 'NO_QUORUM', message: 'not yet' } }, 503],
    ['/leader', { unwritable: { code: 'DISK_FULL', message: 'no room' } }, 503],
    ['/readyz', { unwritable: { code: 'DISK_FULL', message: 'no room' } }, 200],
    ['/follower', {}, 503],
    ['/follower', { role: 'follower' }, 200],
    ['/follower?lagBytes=9', { role: 'follower', leader: null }, 503],
    ['/follower?lagBytes=9', { role: 'follower' }, 503],
  ] as const)('%s of %o is %i', async ([path, view, status]) => {
    const { node, call } = await serverOf();
    node.view = view;

    const answer = await call('GET', path);

    expect([answer.status, answer.json['ok']]).toEqual([status, status === 200]);
    expect(answer.json['reason'] === undefined).toBe(status === 200);
    expect((await call('HEAD', path)).status).toBe(status);
  });

  test('a follower says who leads, and only one that knows nobody says that there is no leader', async () => {
    const { node, call } = await serverOf();
    const leader = { nodeId: 'n2', address: '127.0.0.1:7402' };
    const reasonOf = async (path: string): Promise<unknown> => {
      const { json } = await call('GET', path);
      return json['reason'];
    };
    node.view = { role: 'follower', leader };
    expect(await reasonOf('/leader')).toEqual({
      code: 'NOT_LEADER',
      message: 'this node is a follower; n2 at 127.0.0.1:7402 leads',
      leader,
    });
    node.view = { role: 'candidate', leader: null };
    expect(await reasonOf('/leader')).toMatchObject({ code: 'NO_LEADER' });

    node.view = {};
    expect(await reasonOf('/follower')).toMatchObject({ code: 'NOT_FOLLOWER' });
  });

  test('a follower’s lag is what its leader says', async () => {
    const leader = await serverOf();
    leader.node.view = { followers: [{ ...FOLLOWER, nodeId: 'n1', lagBytes: 100 }] };
    const { node, call } = await serverOf();
    const address = `127.0.0.1:${leader.server.address.port}`;
    node.view = { role: 'follower', leader: { nodeId: 'n2', address } };

    expect((await call('GET', '/follower?lagBytes=100')).status).toBe(200);
    expect((await call('GET', '/follower?lagBytes=99')).status).toBe(503);
  });
});

describe('metrics', () => {
  test('are in the text format of Prometheus, each with help and type', async () => {
    const { node, call } = await serverOf();
    node.view = { followers: [FOLLOWER] };
    await call('PUT', '/v1/kv/a', { body: 'v' });

    const answer = await call('GET', '/metrics');
    const lines = answer.body.toString().split('\n');
    const samples = lines.filter((line) => line !== '' && !line.startsWith('#'));

    expect(answer.headers['content-type']).toContain('text/plain');
    for (const line of samples) {
      const [, name = ''] = /^(walship_[a-z_]+)(\{[^}]*\})? -?[0-9.e+]+$/.exec(line) ?? [];
      const family = name.replace(/_(bucket|sum|count)$/, '');
      expect(lines, line).toContainEqual(expect.stringMatching(new RegExp(`^# HELP ${family} `)));
    }
    expect(samples).toEqual(
      expect.arrayContaining([
        'walship_applied_lsn 1',
        'walship_leader 1',
        'walship_follower_lag_seconds{follower="n2",kind="voter"} 1.5',
        'walship_node_events_total{event="truncations"} 2',
        'walship_http_request_seconds_count{route="/v1/kv/*",status="200"} 1',
        'walship_write_seconds_count{ack="quorum"} 1',
      ]),
    );
  });

  test('have histograms of what the node measures of itself', async () => {
    const timings = new Timings();
    timings.note('fsync', 1);
    const { call } = await serverOf(new FakeNode(), { timings });
    timings.note('fsync', 3);
    timings.note('apply', 20);
    const { body } = await call('GET', '/metrics');

    expect(body.toString().split('\n')).toEqual(
      expect.arrayContaining([
        'walship_fsync_seconds_bucket{le="0.0025"} 0',
        'walship_fsync_seconds_bucket{le="0.005"} 1',
        'walship_fsync_seconds_count 1',
        'walship_apply_lag_seconds_bucket{le="0.025"} 1',
      ]),
    );
  });

  test('tell a lost voter from a learner', async () => {
    const { node, call } = await serverOf();
    const learner = { ...FOLLOWER, nodeId: 'r1', voter: false };
    node.view = { followers: [{ ...FOLLOWER, connected: false }, learner] };

    const lines = (await call('GET', '/metrics')).body.toString().split('\n');

    expect(lines).toContain('walship_follower_connected{follower="n2",kind="voter"} 0');
    expect(lines).toContain('walship_follower_connected{follower="r1",kind="learner"} 1');
  });

  test('count writes that were refused, and those of which nobody knows', async () => {
    const { node, call } = await serverOf();
    const metrics = async (): Promise<readonly string[]> =>
      (await call('GET', '/metrics')).body.toString().split('\n');
    expect((await metrics()).filter((line) => line.startsWith('walship_failed_writes'))).toEqual(
      [],
    );

    await call('PUT', '/v1/kv/a', { body: 'v', headers: { 'if-match': '"3.9"' } });
    await call('PUT', '/v1/kv/a', { body: 'v', headers: { 'if-match': '"3.9"' } });
    await call('PUT', '/v1/kv?key64=', { body: 'v' });
    node.failure = new WalshipError('COMMIT_TIMEOUT', 'not in time', { outcome: 'indeterminate' });
    await call('POST', '/v1/txn', { body: '{"ops":[{"op":"delete","key":"a"}]}' });
    await call('GET', '/v1/kv/a');
    await call('POST', '/v1/admin/promote');

    expect((await metrics()).filter((line) => line.startsWith('walship_failed_writes'))).toEqual([
      'walship_failed_writes_total{outcome="rejected",code="CONDITION_FAILED"} 2',
      'walship_failed_writes_total{outcome="rejected",code="KEY_INVALID"} 1',
      'walship_failed_writes_total{outcome="indeterminate",code="COMMIT_TIMEOUT"} 1',
    ]);
  });

  test('say what runs, how much log there is, and how the data directory is', async () => {
    const asked: number[] = [];
    const facts = { freeBytes: 5_000, totalBytes: 9_000, snapshotAt: 1_700_000_000_500 };
    const dataFacts = async (snapshotLsn: number) => (asked.push(snapshotLsn), facts);
    const { node, call } = await serverOf(new FakeNode(), { version: '1.2.3', dataFacts });
    node.view = { log: { firstLsn: 1, bytes: 77, snapshotLsn: 12, holds: [] } };

    const lines = (await call('GET', '/metrics')).body.toString().split('\n');

    expect(asked).toEqual([12]);
    expect(lines).toEqual(
      expect.arrayContaining([
        `walship_build_info{version="1.2.3",node_version="${process.version}"} 1`,
        'walship_log_bytes 77',
        'walship_disk_free_bytes 5000',
        'walship_disk_total_bytes 9000',
        'walship_snapshot_timestamp_seconds 1700000000.5',
      ]),
    );
  });

  test('leave out what cannot be told of the data directory', async () => {
    const dataFacts = async () => ({ freeBytes: null, totalBytes: null, snapshotAt: null });
    const { call } = await serverOf(new FakeNode(), { dataFacts });

    const text = (await call('GET', '/metrics')).body.toString();

    expect(text).not.toMatch(/^walship_disk_\w+_bytes \d/m);
    expect(text).toMatch(/^walship_snapshot_timestamp_seconds 0$/m);
  });

  test('forget a follower that is gone', async () => {
    const { node, call } = await serverOf();
    node.view = { followers: [FOLLOWER] };
    expect((await call('GET', '/metrics')).body.toString()).toContain('follower="n2"');
    node.view = { followers: [] };

    expect((await call('GET', '/metrics')).body.toString()).not.toContain('follower="n2"');
  });
});

describe('routing', () => {
  test.for(['/', '/v1', '/v2/kv/a', '/v1/kv%2Fa', '/v1/statu%73', '/V1/status', '/v1/status/'])(
    '%s is NOT_FOUND',
    async (path) => {
      const { call } = await serverOf();
      const answer = await call('GET', path);
      expect([answer.status, answer.json['error'].code]).toEqual([404, 'NOT_FOUND']);
    },
  );

  test.for([
    ['POST', '/v1/kv/a', 'HEAD, GET, PUT, DELETE'],
    ['GET', '/v1/txn', 'POST'],
    ['HEAD', '/v1/watch', 'GET'],
    ['DELETE', '/metrics', 'HEAD, GET'],
    ['PATCH', '/v1/kv', 'HEAD, GET, PUT, DELETE'],
  ] as const)('%s %s is not allowed', async ([method, path, allow]) => {
    const { call } = await serverOf();
    const answer = await call(method, path);
    expect([answer.status, answer.headers.allow]).toEqual([405, allow]);
  });

  test('promote answers what the promotion found', async () => {
    const { node, call } = await serverOf();
    const done = await call('POST', '/v1/admin/promote');
    node.failure = new WalshipError('NO_QUORUM', 'one promise, expected two', {
      details: { refusals: [] },
    });
    const failed = await call('POST', '/v1/admin/promote');

    expect(done.json).toMatchObject({ epoch: 4, tookMs: 12 });
    expect([failed.status, failed.json['error'].refusals]).toEqual([503, []]);
    expect(failed.json['error'].outcome).toBeUndefined();
  });

  test('switchover answers what became of it, and refuses nonsense', async () => {
    const { node, call } = await serverOf();
    const done = await call('POST', '/v1/admin/switchover', { body: '{"to":"n2"}' });
    node.failure = new WalshipError('SWITCHOVER_UNKNOWN', 'n2 may lead', {
      details: { hint: 'look at n2' },
    });
    const failed = await call('POST', '/v1/admin/switchover', { body: '{"to":"n2"}' });

    expect(done.json).toMatchObject({ from: 'n1', to: 'n2', epoch: 4, leadership: null });
    expect([failed.status, failed.json['error'].hint]).toEqual([504, 'look at n2']);
    for (const body of [
      '',
      '[]',
      '{}',
      '{"to":""}',
      '{"to":"n2","timeoutMs":0}',
      '{"to":"n2","x":1}',
    ]) {
      const { status, json } = await call('POST', '/v1/admin/switchover', { body });
      expect([body, status, json['error'].code]).toEqual([body, 400, 'REQUEST_INVALID']);
    }
  });
});
