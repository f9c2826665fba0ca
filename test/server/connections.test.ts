/**
 * Goal: whatever a client does with its connection, no other one notices, and no answer is taken for another one.
 * Method: raw sockets to a server over a fake node, whose writes wait until the test lets them go on.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { ANSWERS_BYTES_MAX, PIPELINED_MAX } from '../../src/server/limits.ts';
import type { RunningServer } from '../../src/server/server.ts';
import { VALUE_BYTES_MAX } from '../../src/wal/format/limits.ts';
import { sendRaw, serverOf } from './harness.ts';

const put = (key: string, value = 'v'): string =>
  `PUT /v1/kv/${key} HTTP/1.1\r\nHost: n1\r\nContent-Length: ${value.length}\r\n\r\n${value}`;

const get = (key: string): string => `GET /v1/kv/${key} HTTP/1.1\r\nHost: n1\r\n\r\n`;

/** A connection that was sent `bytes`. */
function open(server: RunningServer, bytes: string): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(server.address.port, server.address.host, () => {
      socket.write(bytes, 'latin1', () => resolve(socket));
    });
    socket.on('error', () => {});
  });
}

describe('a connection', () => {
  test('that ends while requests wait behind another one leaves nothing behind', async () => {
    const { node, server, call } = await serverOf();
    let release = (): void => {};
    node.gate = new Promise((resolve) => (release = resolve));
    const socket = await open(server, put('a') + put('b') + put('c'));
    await expect.poll(() => node.writes.length).toBe(3);

    socket.destroy();
    // Nobody waits for the writes any more: neither the metrics, which count what has ended, nor the end of the server.
    await expect
      .poll(async () => (await call('GET', '/metrics')).body.toString())
      .toMatch(/route="\/v1\/kv\/\*"[^\n]* 3\n/);
    await server.close();
    release();
  });

  test('with garbage behind a write that is in flight ends without an answer that could be taken for that of the write', async () => {
    const { node, server } = await serverOf();
    let release = (): void => {};
    node.gate = new Promise((resolve) => (release = resolve));
    const answered = sendRaw(server, `${put('a')}garbage\r\n\r\n`);

    expect(await answered).toBe('');
    release();
  });

  test('with far more requests than one client sends at once is closed, and most of them are never looked at', async () => {
    const { node, server } = await serverOf();
    let open = (): void => {};
    node.gate = new Promise((resolve) => (open = resolve));
    const text = await sendRaw(server, put('a').repeat(PIPELINED_MAX * 3));
    open();

    expect(text).toBe('');
    expect(node.writes.length).toBeLessThanOrEqual(PIPELINED_MAX);
  });

  test('with garbage behind a write that was answered is told so', async () => {
    const { server } = await serverOf();
    const socket = await open(server, put('a'));
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    await expect.poll(() => text).toContain('durableOn');

    socket.write('garbage\r\n\r\n');

    await expect.poll(() => text).toContain('HTTP/1.1 400');
  });

  test('with a body that is malformed is told so', async () => {
    const { node, server } = await serverOf();

    const answer = await sendRaw(
      server,
      'PUT /v1/kv/a HTTP/1.1\r\nHost: n1\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n',
    );

    expect(answer).toContain('HTTP/1.1 400');
    expect(answer).toContain('REQUEST_INVALID');
    expect(node.writes).toEqual([]);
  });

  test('that takes no answers has one of them in memory, and gets all of them once it does', async () => {
    const { node, server, call } = await serverOf();
    await call('PUT', '/v1/kv/a', { body: Buffer.alloc(VALUE_BYTES_MAX) });
    const socket = await open(server, get('a') + get('a') + get('a'));
    socket.pause();
    await expect.poll(() => node.reads.length).toBe(1);

    await call('GET', '/livez');
    expect(node.reads.length).toBe(1);
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
    socket.resume();

    await expect.poll(() => bytes, { timeout: 10_000 }).toBeGreaterThan(3 * VALUE_BYTES_MAX);
    expect(node.reads.length).toBe(3);
  });
});

test('answers that nobody takes are bounded together, and room comes back', async () => {
  const { node, server, call } = await serverOf();
  await call('PUT', '/v1/kv/a', { body: Buffer.alloc(VALUE_BYTES_MAX) });
  const count = ANSWERS_BYTES_MAX / VALUE_BYTES_MAX;
  const sockets: Socket[] = [];
  for (let index = 0; index < count; index += 1) {
    const socket = await open(server, get('a'));
    socket.pause();
    sockets.push(socket);
  }
  await expect.poll(() => node.reads.length).toBe(count);

  for (const target of ['/v1/kv/a', '/v1/kv?prefix=a']) {
    const refused = await call('GET', target);
    expect([refused.status, refused.json['error'].code]).toEqual([503, 'BUSY']);
  }
  for (const socket of sockets) socket.destroy();

  await expect.poll(async () => (await call('GET', '/v1/kv/a')).status).toBe(200);
});
