/**
 * **Goal:** a page of another origin can do nothing to a node, and programs notice nothing of that.
 * **Method:** the rules alone, one difference per row; then the requests of such a page at a server, on each way in.
 */
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { WsDialer, CLIENT_PATH, REPLICATE_PATH } from '../../src/ports/ws-link.ts';
import { HostNames, judgeOrigin } from '../../src/server/browser-gate.ts';
import type { GatedRequest } from '../../src/server/browser-gate.ts';
import { FakeNode } from './fake-node.ts';
import { sendRaw, serverOf } from './harness.ts';

const KNOWN = new HostNames(['127.0.0.1', 'n1', 'Db.Example.', '*.svc.cluster.local']);

function judge(more: Partial<GatedRequest>): string {
  const request: GatedRequest = {
    method: 'PUT',
    url: '/v1/kv/a',
    httpVersion: '1.1',
    hosts: ['127.0.0.1:7401'],
    origin: undefined,
    site: undefined,
    mode: undefined,
    ...more,
  };
  return judgeOrigin(request, KNOWN)?.code ?? 'passes';
}

describe('the host of a request', () => {
  test.for<[string, string]>([
    ['127.0.0.1:7401', 'passes'],
    ['127.0.0.1', 'passes'],
    ['10.0.0.7:7401', 'passes'],
    ['[::1]:7401', 'passes'],
    ['[2001:db8::1]', 'passes'],
    ['localhost:7401', 'passes'],
    ['LOCALHOST:1', 'passes'],
    ['n1:7401', 'passes'],
    ['N1', 'passes'],
    ['db.example', 'passes'],
    ['db.example.:7401', 'passes'],
    ['walship-0.walship.svc.cluster.local:7401', 'passes'],
    ['svc.cluster.local', 'HOST_UNKNOWN'],
    ['.svc.cluster.local', 'HOST_UNKNOWN'],
    ['evilsvc.cluster.local', 'HOST_UNKNOWN'],
    ['evil.example', 'HOST_UNKNOWN'],
    ['evil.example:7401', 'HOST_UNKNOWN'],
    ['127.0.0.1.evil.example:7401', 'HOST_UNKNOWN'],
    ['localhost.evil.example', 'HOST_UNKNOWN'],
    ['n1.evil.example', 'HOST_UNKNOWN'],
    ['evil.example@127.0.0.1', 'HOST_UNKNOWN'],
    ['127.0.0.1@evil.example', 'HOST_UNKNOWN'],
    ['127.0.0.1:7401, evil.example', 'HOST_UNKNOWN'],
    ['127.0.0.1/evil.example', 'HOST_UNKNOWN'],
    ['', 'HOST_UNKNOWN'],
    [':7401', 'HOST_UNKNOWN'],
  ])('"%s" %s', ([host, verdict]) => {
    expect(judge({ hosts: [host] })).toBe(verdict);
  });

  test('is named exactly once, but in HTTP/1.0', () => {
    expect(judge({ hosts: [] })).toBe('REQUEST_INVALID');
    expect(judge({ hosts: ['127.0.0.1', '127.0.0.1'] })).toBe('REQUEST_INVALID');
    expect(judge({ hosts: ['127.0.0.1', 'evil.example'], url: '/livez' })).toBe('REQUEST_INVALID');
    expect(judge({ hosts: [], httpVersion: '1.0' })).toBe('passes');
  });

  test.for(['/livez', '/readyz', '/leader', '/follower?lagBytes=1'])(
    'is of no interest to %s',
    (url) => {
      expect(judge({ method: 'GET', url, hosts: ['lb.example'] })).toBe('passes');
    },
  );

  test.for(['/v1/status', '/metrics', '/', '/livez/', '/%6civez', '//livez'])(
    'counts for %s',
    (url) => {
      expect(judge({ method: 'GET', url, hosts: ['lb.example'] })).toBe('HOST_UNKNOWN');
    },
  );

  test('is also that of an absolute target', () => {
    expect(judge({ url: 'http://n1:7401/v1/kv/a' })).toBe('passes');
    expect(judge({ url: 'http://evil.example/v1/kv/a' })).toBe('HOST_UNKNOWN');
    expect(judge({ url: 'http://n1/v1/kv/a', hosts: ['evil.example'] })).toBe('HOST_UNKNOWN');
    expect(judge({ url: 'http:///v1/kv/a' })).toBe('HOST_UNKNOWN');
  });
});

describe('the origin of a request', () => {
  test.for<[string, string, string]>([
    ['http://127.0.0.1:7401', '127.0.0.1:7401', 'passes'],
    ['http://N1:7401', 'n1:7401', 'passes'],
    ['http://[::1]:7401', '[::1]:7401', 'passes'],
    ['http://db.example', 'db.example:80', 'passes'],
    ['https://db.example', 'db.example', 'passes'],
    ['https://db.example', 'db.example:443', 'passes'],
    ['https://db.example', 'db.example:80', 'ORIGIN_REFUSED'],
    ['http://127.0.0.1:3000', '127.0.0.1:7401', 'ORIGIN_REFUSED'],
    ['http://localhost:7401', '127.0.0.1:7401', 'ORIGIN_REFUSED'],
    ['http://evil.example', '127.0.0.1:7401', 'ORIGIN_REFUSED'],
    ['http://evil.example:7401', '127.0.0.1:7401', 'ORIGIN_REFUSED'],
    ['null', '127.0.0.1:7401', 'ORIGIN_REFUSED'],
    ['', '127.0.0.1:7401', 'ORIGIN_REFUSED'],
    ['file://', '127.0.0.1:7401', 'ORIGIN_REFUSED'],
    ['http://127.0.0.1:7401, http://evil.example', '127.0.0.1:7401', 'ORIGIN_REFUSED'],
    ['http://evil.example@127.0.0.1:7401', '127.0.0.1:7401', 'ORIGIN_REFUSED'],
  ])('"%s" at %s %s', ([origin, host, verdict]) => {
    expect(judge({ origin, hosts: [host] })).toBe(verdict);
  });

  test('is compared with an absolute target, which counts for more than the header', () => {
    const url = 'http://n1:7401/v1/kv/a';
    expect(judge({ url, origin: 'http://n1:7401' })).toBe('passes');
    expect(judge({ url, origin: 'http://127.0.0.1:7401' })).toBe('ORIGIN_REFUSED');
  });

  test('is nothing that a node has', () => {
    const own = { method: 'GET', origin: 'http://127.0.0.1:7401' };
    expect(judge({ ...own, url: REPLICATE_PATH })).toBe('ORIGIN_REFUSED');
    expect(judge({ ...own, url: `${REPLICATE_PATH}?a` })).toBe('ORIGIN_REFUSED');
    expect(judge({ ...own, url: CLIENT_PATH })).toBe('passes');
  });

  test('is refused where the browser says that the page is of another site', () => {
    for (const site of ['cross-site', 'same-site']) {
      expect(judge({ site })).toBe('ORIGIN_REFUSED');
      expect(judge({ method: 'GET', url: '/v1/status', site, mode: 'navigate' })).toBe(
        'ORIGIN_REFUSED',
      );
      expect(judge({ method: 'GET', url: '/', site, mode: 'no-cors' })).toBe('ORIGIN_REFUSED');
      expect(judge({ method: 'POST', url: '/', site, mode: 'navigate' })).toBe('ORIGIN_REFUSED');
      expect(judge({ method: 'GET', url: '/', site, mode: 'navigate' })).toBe('passes');
    }
    for (const site of ['same-origin', 'none']) expect(judge({ site })).toBe('passes');
  });
});

const FOREIGN: readonly (readonly [string, Record<string, string>, string])[] = [
  ['a foreign origin', { origin: 'http://evil.example' }, 'ORIGIN_REFUSED'],
  ['a foreign host', { host: 'evil.example' }, 'HOST_UNKNOWN'],
];

describe.for(FOREIGN)('a server refuses %s', ([, headers, code]) => {
  const status = code === 'HOST_UNKNOWN' ? 421 : 403;

  test.for([
    ['PUT', '/v1/kv/a', 'v'],
    ['DELETE', '/v1/kv/a', undefined],
    ['POST', '/v1/txn', '{"ops":[{"op":"put","key":"a","value":"v"}]}'],
    ['GET', '/v1/kv/a', undefined],
    ['GET', '/v1/watch', undefined],
    ['POST', '/v1/admin/promote', ''],
    ['POST', '/v1/admin/switchover', '{"to":"n3"}'],
    ['POST', '/v1/admin/snapshot', ''],
    ['POST', '/v1/admin/failover', '{"acceptDataLoss":true}'],
    ['POST', '/v1/admin/rejoin', '{"discard":true}'],
    ['GET', '/metrics', undefined],
    ['GET', '/nowhere', undefined],
  ] as const)('at %s %s', async ([method, target, body]) => {
    const node = new FakeNode();
    const { call } = await serverOf(node);

    const answer = await call(method, target, { headers, ...(body === undefined ? {} : { body }) });

    expect(answer).toMatchObject({ status, json: { error: { code } } });
    expect(node.writes).toEqual([]);
    expect([...node.reads, ...node.orders]).toEqual([]);
  });

  test.for([CLIENT_PATH, REPLICATE_PATH])('before an upgrade at %s', async (path) => {
    const node = new FakeNode();
    const { server } = await serverOf(node);
    const lines = Object.entries({ host: '127.0.0.1', ...headers }).map(
      ([n, v]) => `${n}: ${v}\r\n`,
    );

    const text = await sendRaw(server, `GET ${path} HTTP/1.1\r\n${lines.join('')}${UPGRADE}\r\n`);

    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} .*${code}`, 's'));
    expect(node.links).toEqual([]);
  });
});

const UPGRADE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';

describe('a server', () => {
  test('takes names that it was told', async () => {
    const { call } = await serverOf(new FakeNode(), { hostNames: ['db.example'] });

    expect((await call('GET', '/v1/status', { headers: { host: 'db.example:7401' } })).status).toBe(
      200,
    );
    expect((await call('GET', '/livez', { headers: { host: 'lb.example' } })).status).toBe(200);
  });

  test('takes no page of its own origin for a node', async () => {
    const node = new FakeNode();
    const { server } = await serverOf(node);
    const { host, port } = server.address;
    const own = `Host: ${host}:${port}\r\nOrigin: http://${host}:${port}\r\n`;

    expect(await sendRaw(server, `GET ${REPLICATE_PATH} HTTP/1.1\r\n${own}${UPGRADE}\r\n`)).toMatch(
      /^HTTP\/1.1 403 .*ORIGIN_REFUSED/s,
    );
    await new WsDialer().dial(`${host}:${port}`);
    expect(node.links).toHaveLength(1);
  });

  test.for<[string, string, number]>([
    ['without a host', 'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    [
      'with two hosts',
      'GET /livez HTTP/1.1\r\nHost: a\r\nHost: a\r\nConnection: close\r\n\r\n',
      400,
    ],
    [
      'with a foreign absolute target',
      'GET http://evil.example/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n',
      421,
    ],
    [
      'with two lengths',
      'PUT /v1/kv/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      400,
    ],
    [
      'with an unknown expectation',
      'PUT /v1/kv/a HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n',
      417,
    ],
  ])('answers a request %s with a coded error', async ([, bytes, status]) => {
    const { node, server } = await serverOf();

    const text = await sendRaw(server, bytes);

    const [head = '', body = ''] = text.split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head.toLowerCase()).toContain('x-content-type-options: nosniff');
    expect(JSON.parse(body)).toMatchObject({
      error: { code: status === 421 ? 'HOST_UNKNOWN' : 'REQUEST_INVALID' },
    });
    if (bytes.startsWith('PUT') && status !== 400) expect(body).toContain('"outcome":"rejected"');
    expect(node.writes).toEqual([]);
  });

  test('keeps an upgrade that is refused from ending the process', async () => {
    const { server, call } = await serverOf();
    const socket = connect(server.address.port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));

    socket.write(`GET ${CLIENT_PATH} HTTP/1.1\r\nHost: evil.example\r\n${UPGRADE}\r\n`);
    socket.resetAndDestroy();

    expect((await call('GET', '/livez')).status).toBe(200);
  });

  test('says with every answer that no other origin may show it', async () => {
    const { call } = await serverOf();
    const answers = [
      await call('GET', '/livez'),
      await call('GET', '/v1/status'),
      await call('GET', '/v1/kv'),
      await call('PUT', '/v1/kv/a', { body: 'v' }),
      await call('GET', '/v1/kv/a'),
      await call('GET', '/metrics'),
      await call('GET', '/nowhere'),
      await call('PATCH', '/v1/kv/a'),
      await call('GET', '/v1/status', { headers: { host: 'evil.example' } }),
    ];

    for (const { headers } of answers) {
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'cross-origin-resource-policy': 'same-origin',
      });
    }
  });

  test('keeps a value that is a page from running in its origin', async () => {
    const { call } = await serverOf();
    await call('PUT', '/v1/kv/page', { body: '<script>alert(1)</script>' });

    const { headers } = await call('GET', '/v1/kv/page');

    expect(headers['content-security-policy']).toBe("sandbox; default-src 'none'");
    expect(headers['content-type']).toBe('application/octet-stream');
  });
});
