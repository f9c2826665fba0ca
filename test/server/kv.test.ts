import { describe, expect, test } from 'vitest';
import { WalshipError } from '../../src/errors.ts';
import { BODIES_BYTES_MAX, VALUE_BODY_BYTES_MAX } from '../../src/server/limits.ts';
import { ByteBudget } from '../../src/server/byte-budget.ts';
import { sendRaw, serverOf } from './harness.ts';

describe('one key', () => {
  test('is written, read, and deleted', async () => {
    const { call } = await serverOf();

    const put = await call('PUT', '/v1/kv/a', { body: 'hello' });
    const got = await call('GET', '/v1/kv/a');
    const deleted = await call('DELETE', '/v1/kv/a');
    const gone = await call('GET', '/v1/kv/a');

    expect(put.json).toEqual({
      version: '3.1',
      epoch: 3,
      lsn: 1,
      ack: 'quorum',
      durableOn: ['n1', 'n2'],
    });
    expect(got.body.toString()).toBe('hello');
    expect(got.headers).toMatchObject({ etag: '"3.1"', 'walship-version': '3.1' });
    expect(deleted.json['version']).toBe('3.2');
    expect([gone.status, gone.headers['walship-version'], gone.json['error'].code]).toEqual([
      404,
      '3.2',
      'KEY_NOT_FOUND',
    ]);
  });

  test.for<[string, Buffer]>([
    ['/v1/kv/a%00b', Buffer.from('a\0b')],
    ['/v1/kv/a%2Fb', Buffer.from('a/b')],
    ['/v1/kv/a/b', Buffer.from('a/b')],
    ['/v1/kv/%FF%fe', Buffer.from([0xff, 0xfe])],
    ['/v1/kv/..', Buffer.from('..')],
    ['/v1/kv/../status', Buffer.from('../status')],
    ['/v1/kv/a//b/', Buffer.from('a//b/')],
    ['/v1/kv//', Buffer.from('/')],
    ['/v1/kv/./x', Buffer.from('./x')],
    ['/v1/kv/a%3Fb', Buffer.from('a?b')],
    ['/v1/kv/a+b', Buffer.from('a+b')],
    ['/v1/kv/a;b', Buffer.from('a;b')],
    ['/v1/kv/*', Buffer.from('*')],
    ['/v1/kv/:x', Buffer.from(':x')],
    ['/v1/kv/%2525', Buffer.from('%25')],
    ['/v1/kv/__proto__', Buffer.from('__proto__')],
    ['/v1/kv/%C3%BC', Buffer.from('ü')],
    ['/v1/kv/?key64=_w', Buffer.from([0xff])],
    ['/v1/kv?key64=Li4', Buffer.from('..')],
    [`/v1/kv/${'%FF'.repeat(4096)}`, Buffer.alloc(4096, 0xff)],
  ])('%#. a target names its bytes and no others', async ([target, key]) => {
    const { node, call } = await serverOf();

    const put = await call('PUT', target, { body: 'v' });
    const got = await call('GET', target);

    expect(put.status).toBe(200);
    expect(node.writes[0]?.ops[0]?.key).toEqual(key);
    expect(got.body.toString()).toBe('v');
  });

  test('may stand in an absolute request target', async () => {
    const { node, server } = await serverOf();

    await sendRaw(
      server,
      'PUT http://n1/v1/kv/x%2F HTTP/1.1\r\nHost: n1\r\nContent-Length: 1\r\nConnection: close\r\n\r\nv',
    );

    expect(node.writes[0]?.ops[0]?.key).toEqual(Buffer.from('x/'));
  });

  test('takes values that are empty, binary and as large as allowed', async () => {
    const { call } = await serverOf();
    for (const body of [
      Buffer.alloc(0),
      Buffer.from([0, 255, 10]),
      Buffer.alloc(VALUE_BODY_BYTES_MAX, 1),
    ]) {
      await call('PUT', '/v1/kv/a', { body });
      const got = await call('GET', '/v1/kv/a');
      expect(got.body.equals(body)).toBe(true);
    }
  });

  test('answers HEAD as GET without the body, and 304 to a client that has the version', async () => {
    const { call } = await serverOf();
    await call('PUT', '/v1/kv/a', { body: 'hello' });

    const head = await call('HEAD', '/v1/kv/a');
    const same = await call('GET', '/v1/kv/a', { headers: { 'if-none-match': '"3.1"' } });

    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, '5', 0]);
    expect([same.status, same.body.length]).toEqual([304, 0]);
  });
});

describe('conditions', () => {
  test('an ETag that was read is good for one write', async () => {
    const { call } = await serverOf();
    await call('PUT', '/v1/kv/a', { body: '1' });
    const { etag } = (await call('GET', '/v1/kv/a')).headers;
    const headers = { 'if-match': String(etag) };

    const first = await call('PUT', '/v1/kv/a', { body: '2', headers });
    const second = await call('PUT', '/v1/kv/a', { body: '3', headers });

    expect([first.status, second.status]).toEqual([200, 412]);
    expect(second.json['error']).toMatchObject({ code: 'CONDITION_FAILED', outcome: 'rejected' });
  });

  test('If-None-Match: * writes absent keys only, If-Match: * present ones only', async () => {
    const { call } = await serverOf();
    const absent = { headers: { 'if-none-match': '*' } };
    const present = { headers: { 'if-match': '*' } };

    expect((await call('PUT', '/v1/kv/a', present)).status).toBe(412);
    expect((await call('PUT', '/v1/kv/a', absent)).status).toBe(200);
    expect((await call('PUT', '/v1/kv/a', absent)).status).toBe(412);
    expect((await call('DELETE', '/v1/kv/a', present)).status).toBe(200);
  });

  test.for<Record<string, string>>([
    { 'if-match': '3.1' },
    { 'if-match': 'W/"3.1"' },
    { 'if-match': '"3.1", "3.2"' },
    { 'if-match': '"x"' },
    { 'if-none-match': '"3.1"' },
    { 'if-match': '"3.1"', 'if-none-match': '*' },
  ])('%o is refused and writes nothing', async (headers) => {
    const { node, call } = await serverOf();

    const answer = await call('PUT', '/v1/kv/a', { headers, body: 'v' });

    expect([answer.status, answer.json['error'].code]).toEqual([400, 'REQUEST_INVALID']);
    expect(node.writes).toEqual([]);
  });
});

describe('bad requests change nothing', () => {
  test.for<[string, string, string]>([
    ['PUT', '/v1/kv/', 'KEY_INVALID'],
    ['PUT', '/v1/kv', 'KEY_INVALID'],
    ['PUT', `/v1/kv/${'a'.repeat(4097)}`, 'KEY_INVALID'],
    ['PUT', '/v1/kv/a%', 'REQUEST_INVALID'],
    ['PUT', '/v1/kv/a%2', 'REQUEST_INVALID'],
    ['PUT', '/v1/kv/a%zz', 'REQUEST_INVALID'],
    ['PUT', '/v1/kv/a?key64=Yg', 'REQUEST_INVALID'],
    ['PUT', '/v1/kv?key64=Y', 'REQUEST_INVALID'],
    ['PUT', '/v1/kv?key64=Y!', 'REQUEST_INVALID'],
    ['PUT', '/v1/kv/a?ack=most', 'REQUEST_INVALID'],
    ['PUT', '/v1/kv/a?ack=local&ack=all', 'REQUEST_INVALID'],
    ['PUT', '/v1/kv/a?timeoutMs=-1', 'REQUEST_INVALID'],
    ['PUT', '/v1/kv/a?timeoutMs=600001', 'REQUEST_INVALID'],
    ['PUT', '/v1/kv/a?timeoutMs=1e3', 'REQUEST_INVALID'],
    ['PUT', '/v1/kv/a?colour=red', 'REQUEST_INVALID'],
    ['DELETE', '/v1/kv/a?read=local', 'REQUEST_INVALID'],
    ['GET', '/v1/kv/a?read=stale', 'REQUEST_INVALID'],
    ['GET', '/v1/kv/a?minVersion=7', 'REQUEST_INVALID'],
    ['GET', '/v1/kv?limit=0', 'REQUEST_INVALID'],
    ['GET', '/v1/kv?limit=1001', 'REQUEST_INVALID'],
    ['GET', '/v1/kv?prefix=a&prefix64=YQ', 'REQUEST_INVALID'],
    ['GET', '/v1/kv?%ZZ=1', 'REQUEST_INVALID'],
  ])('%#. %s of a bad target is refused', async ([method, target, code]) => {
    const { node, call } = await serverOf();

    const answer = await call(method, target);

    expect([answer.status, answer.json['error'].code]).toEqual([400, code]);
    expect(answer.json['error'].outcome).toBe(method === 'GET' ? undefined : 'rejected');
    expect(node.writes).toEqual([]);
    expect(node.reads).toEqual([]);
  });

  test('unknown parameters are named', async () => {
    const { call } = await serverOf();

    const answer = await call('GET', '/v1/kv/a?colour=red&size=1');

    expect(answer.json['error'].message).toBe('unknown parameters: colour, size');
  });

  test('a body that announces too much is refused before it is sent', async () => {
    const { node, server } = await serverOf();

    const text = await sendRaw(
      server,
      `PUT /v1/kv/a HTTP/1.1\r\nHost: n1\r\nContent-Length: ${VALUE_BODY_BYTES_MAX + 1}\r\n\r\n`,
    );

    expect(text).toContain('HTTP/1.1 413');
    expect(text).toContain('VALUE_TOO_LARGE');
    expect(node.writes).toEqual([]);
  });

  test('a client that asks first gets 413 instead of 100', async () => {
    const { server } = await serverOf();

    const text = await sendRaw(
      server,
      `PUT /v1/kv/a HTTP/1.1\r\nHost: n1\r\nExpect: 100-continue\r\nContent-Length: ${VALUE_BODY_BYTES_MAX + 1}\r\n\r\n`,
    );

    expect(text).toMatch(/^HTTP\/1\.1 413/);
  });

  test('a chunked body is refused where it passes the limit', async () => {
    const { node, call } = await serverOf();

    const answer = await call('PUT', '/v1/kv/a', {
      headers: { 'transfer-encoding': 'chunked' },
      body: Buffer.alloc(VALUE_BODY_BYTES_MAX + 1),
    });

    expect([answer.status, answer.json['error'].code]).toEqual([413, 'VALUE_TOO_LARGE']);
    expect(node.writes).toEqual([]);
  });

  test('a body that ends early writes nothing', async () => {
    const { node, server } = await serverOf();
    const { connect } = await import('node:net');

    await new Promise<void>((resolve) => {
      const socket = connect(server.address.port, '127.0.0.1', () => {
        socket.end('PUT /v1/kv/a HTTP/1.1\r\nHost: n1\r\nContent-Length: 9\r\n\r\nhalf');
      });
      socket.resume();
      socket.on('close', () => resolve());
    });

    expect(node.writes).toEqual([]);
  });

  test('bodies in memory are bounded together', () => {
    const budget = new ByteBudget(BODIES_BYTES_MAX);

    expect(budget.take(BODIES_BYTES_MAX)).toBe(true);
    expect(budget.take(1)).toBe(false);
    budget.give(BODIES_BYTES_MAX);
    expect(budget.take(1)).toBe(true);
  });
});

describe('a follower', () => {
  const noLeader = (leader: string | null) =>
    new WalshipError('NO_LEADER', 'this node follows', {
      outcome: 'rejected',
      details: { leader },
    });

  test('sends writes on to the leader, path and query unchanged', async () => {
    const { node, call } = await serverOf();
    node.failure = noLeader('10.0.0.2:7401');

    const answer = await call('PUT', '/v1/kv/a%2F..%FF?ack=all', { body: 'v' });

    expect(answer.status).toBe(307);
    expect(answer.headers.location).toBe('http://10.0.0.2:7401/v1/kv/a%2F..%FF?ack=all');
    expect(answer.json['error']).toMatchObject({ code: 'NO_LEADER', outcome: 'rejected' });
  });

  test('sends a number sign on as part of the key, and not as what clients leave out', async () => {
    const { node, server } = await serverOf();
    node.failure = noLeader('10.0.0.2:7401');

    const answer = await sendRaw(
      server,
      'DELETE /v1/kv/a#b?ack=all HTTP/1.1\r\nHost: n1\r\nConnection: close\r\n\r\n',
    );

    expect(answer).toContain('location: http://10.0.0.2:7401/v1/kv/a%23b?ack=all\r\n');
  });

  test('answers 503 where it knows no leader, or believes that it is itself', async () => {
    const { node, call } = await serverOf();
    for (const leader of [null, '127.0.0.1:1']) {
      node.failure = noLeader(leader);
      const answer = await call('PUT', '/v1/kv/a', { body: 'v' });
      expect([answer.status, answer.headers.location]).toEqual([503, undefined]);
    }
  });
});

describe('errors', () => {
  test('have one form', async () => {
    const { node, call } = await serverOf();
    node.failure = new WalshipError('COMMIT_TIMEOUT', 'ack=quorum was not reached within 5 ms', {
      outcome: 'indeterminate',
      details: { version: '3.9', code: 'never shown' },
    });

    const answer = await call('PUT', '/v1/kv/a?timeoutMs=5', { body: 'v' });

    expect(answer.status).toBe(504);
    expect(answer.body.toString()).toMatchInlineSnapshot(`
      "{"error":{"code":"COMMIT_TIMEOUT","message":"ack=quorum was not reached within 5 ms","outcome":"indeterminate","hint":"the write may still commit: ask GET /v1/wait for its version, or read the key if there is no version","version":"3.9"}}
      "
    `);
  });

  test.for([new TypeError('bug'), new WalshipError('DISK_FAILED', 'without an outcome')])(
    'a failed write of which nothing is known is indeterminate: %s',
    async (failure) => {
      const { node, call } = await serverOf();
      node.failure = failure;

      const answer = await call('PUT', '/v1/kv/a', { body: 'v' });

      expect([answer.status, answer.json['error'].outcome]).toEqual([500, 'indeterminate']);
      expect(answer.body.toString()).not.toContain('bug"');
    },
  );
});
