/**
 * Goal: a reader that takes nothing is disconnected, one that is slow is not, and neither is one that there is nothing to take for.
 * Method: real sockets and a short limit. That it has passed is seen from the end of a connection that was opened for that.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { VALUE_BYTES_MAX } from '../../src/wal/format/limits.ts';
import type { RunningServer } from '../../src/server/server.ts';
import { serverOf } from './harness.ts';

vi.mock('../../src/server/limits.ts', async (original) => ({
  ...(await original<object>()),
  SEND_STALL_MS_MAX: 1_000,
}));

const WATCH = 'GET /v1/watch?after=3.0 HTTP/1.1\r\nHost: n1\r\n\r\n';

function open(server: RunningServer, bytes: string): Socket {
  const socket = connect(server.address.port, server.address.host, () => socket.write(bytes));
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** A server with a change of 16 MiB to be shown, more than the network holds. */
async function serverWithMuch() {
  const parts = await serverOf();
  const body = Buffer.alloc(VALUE_BYTES_MAX);
  await parts.call('PUT', '/v1/kv/a', { body });
  const watchers = async (): Promise<string | undefined> => {
    const { body } = await parts.call('GET', '/metrics');
    return /^walship_http_watchers (\d+)$/m.exec(body.toString())?.[1];
  };
  return { ...parts, watchers };
}

/** What a reader that took nothing still gets once it reads again. */
async function restOf(socket: Socket): Promise<number> {
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.resume();
  await closed;
  return bytes;
}

/** Much less than the network holds of an answer that nobody takes, which is megabytes. */
const LITTLE_BYTES = 512 * 1024;

test('a watch whose reader takes nothing ends, and nothing of it stays in the network', async () => {
  const { server, watchers } = await serverWithMuch();
  const socket = open(server, WATCH);
  socket.pause();

  await expect.poll(watchers).toBe('1');
  await expect.poll(watchers, { timeout: 10_000 }).toBe('0');

  expect(await restOf(socket)).toBeLessThan(LITTLE_BYTES);
});

test('an answer that nobody takes is given up, and nothing of it stays in the network', async () => {
  const { server, call } = await serverWithMuch();
  const socket = open(server, 'GET /v1/kv/a HTTP/1.1\r\nHost: n1\r\n\r\n');
  socket.pause();
  const answered = async (): Promise<string> => (await call('GET', '/metrics')).body.toString();

  await expect
    .poll(answered, { timeout: 10_000 })
    .toMatch(/walship_http_request_seconds_count\{route="\/v1\/kv\/\*",status="200"\} 2/);

  expect(await restOf(socket)).toBeLessThan(LITTLE_BYTES);
});

test('a watch whose reader is slow goes on, though one change takes it longer than the limit', async () => {
  const { server } = await serverWithMuch();
  const socket = open(server, WATCH);
  const beganMs = performance.now();
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    socket.pause();
    setTimeout(() => socket.resume(), 8);
  });
  const ended = new Promise((resolve) => socket.once('close', () => resolve('disconnected')));
  const taken = expect
    .poll(() => bytes, { timeout: 60_000 })
    .toBeGreaterThan(VALUE_BYTES_MAX * 1.3);

  await Promise.race([taken, ended.then((what) => expect(what).toBe('taken'))]);

  expect(performance.now() - beganMs).toBeGreaterThan(1_500);
});

test('a request behind one that was answered has its own time', async () => {
  const { node, server, watchers } = await serverWithMuch();
  let release = (): void => {};
  node.gate = new Promise((resolve) => (release = resolve));
  const before = node.writes.length;
  const socket = open(
    server,
    'GET /livez HTTP/1.1\r\nHost: n1\r\n\r\nPUT /v1/kv/c HTTP/1.1\r\nHost: n1\r\nContent-Length: 1\r\n\r\nv',
  );
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  await expect.poll(() => node.writes.length).toBe(before + 1);
  await expect.poll(() => text).toContain('"ok":true');

  const witness = open(server, WATCH);
  witness.pause();
  await expect.poll(watchers).toBe('1');
  await expect.poll(watchers, { timeout: 5_000 }).toBe('0');
  release();

  await expect.poll(() => text).toContain('durableOn');
});
