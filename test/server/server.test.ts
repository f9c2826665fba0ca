import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { WsDialer } from '../../src/ports/ws-link.ts';
import { CLOSE_MS_MAX, HEADER_BYTES_MAX } from '../../src/server/limits.ts';
import { startServer } from '../../src/server/server.ts';
import { FakeNode } from './fake-node.ts';
import { sendRaw, serverOf } from './harness.ts';

describe('a server', () => {
  test('that finds its port taken says so', async () => {
    const { server } = await serverOf();
    const { host, port } = server.address;
    const log = { warn: () => {}, error: () => {} };

    await expect(startServer({ node: new FakeNode(), host, port, log })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      details: { address: `${host}:${port}` },
    });
  });

  test('that is given an address of another machine says so', async () => {
    const log = { warn: () => {}, error: () => {} };
    const options = { node: new FakeNode(), host: '192.0.2.1', port: 0, log };
    await expect(startServer(options)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('hands links to its node, and closes them when it closes', async () => {
    const { node, server } = await serverOf();
    const { host, port } = server.address;
    const link = await new WsDialer().dial(`${host}:${port}`);
    const closed = new Promise((resolve) => {
      link.receive({ onMessage: () => {}, onClose: resolve });
    });

    expect(node.links).toHaveLength(1);
    await server.close();
    expect(await closed).toBe('the node is shutting down');
  });

  test('answers requests in flight before it is closed, and takes no new ones', async () => {
    const { node, server, call } = await serverOf();
    let release = (): void => {};
    node.gate = new Promise((resolve) => (release = resolve));
    const inFlight = call('PUT', '/v1/kv/a', { body: 'v' });
    await expect.poll(() => node.writes.length).toBe(1);

    const closed = server.close();
    await expect(call('GET', '/livez')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    release();

    expect((await inFlight).status).toBe(200);
    await closed;
    await server.close();
  });

  test('does not wait for a connection that never carried a request', async () => {
    const { server, call } = await serverOf();
    const { host, port } = server.address;
    const unused = connect(port, host);
    const ended = new Promise((resolve) => unused.once('close', resolve));
    await new Promise((resolve) => unused.once('connect', resolve));
    // Once this one is answered, the server has taken the other one too.
    await call('GET', '/livez');
    const startedMs = performance.now();

    await server.close();

    expect(performance.now() - startedMs).toBeLessThan(CLOSE_MS_MAX / 2);
    await ended;
  });

  test('answers bytes that are no HTTP request with a coded error', async () => {
    const { server } = await serverOf();
    expect(await sendRaw(server, 'hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400[\s\S]*REQUEST_INVALID/);
  });

  test('refuses headers over the limit with 431', async () => {
    const { server } = await serverOf();
    const text = await sendRaw(
      server,
      `GET /livez HTTP/1.1\r\nX: ${'x'.repeat(HEADER_BYTES_MAX)}\r\n\r\n`,
    );
    expect(text).toMatch(/^HTTP\/1\.1 431/);
  });

  test('heeds the last header too, however many there are', async () => {
    const { server, call } = await serverOf();
    await call('PUT', '/v1/kv/a', { body: 'old' });
    const many = Array.from({ length: 1_000 }, (_, index) => `x-${index}: y\r\n`).join('');

    const answer = await sendRaw(
      server,
      `PUT /v1/kv/a HTTP/1.1\r\nHost: n1\r\nConnection: close\r\n${many}If-None-Match: *\r\nContent-Length: 3\r\n\r\nnew`,
    );

    expect(answer).toContain('HTTP/1.1 412');
    expect((await call('GET', '/v1/kv/a')).body.toString()).toBe('old');
  });

  test('logs a bug with its cause and tells the client only that there is one', async () => {
    const { node, call, errors } = await serverOf();
    node.failure = new TypeError('secret detail');

    const answer = await call('GET', '/v1/kv/a');

    expect([answer.status, answer.json['error'].code]).toEqual([500, 'INTERNAL']);
    expect(answer.body.toString()).not.toContain('secret');
    expect(errors).toMatchObject([{ err: node.failure, method: 'GET', url: '/v1/kv/a' }]);
  });

  test('cuts off a client that sends its headers too slowly', async () => {
    const { server } = await serverOf();
    const socket = connect(server.address.port, '127.0.0.1');
    socket.write('GET /livez HTTP/1.1\r\nX-A: ');
    const drip = setInterval(() => socket.write('x'), 500);
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('error', () => {});

    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(drip);

    expect(text).toMatch(/^HTTP\/1\.1 408/);
  });
});
