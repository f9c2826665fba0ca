/**
 * Goal: however many clients are connected, nodes, operators and health checks get their answer, and clients that come get a place where others
 * are idle.
 * Method: a server with room for four connections, and real sockets.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { WsDialer } from '../../src/ports/ws-link.ts';
import { WalshipError } from '../../src/errors.ts';
import { FakeNode } from './fake-node.ts';
import { serverOf } from './harness.ts';
import { CONNECTIONS_KEPT } from '../../src/server/limits.ts';
import type { RunningServer } from '../../src/server/server.ts';

const PLACES = 4;
/** A request whose body never comes. */
const UNFINISHED = 'POST /v1/txn HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n';
const WATCH = 'GET /v1/watch HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';

/** A connection on which something may be said. */
async function open(server: RunningServer, bytes = ''): Promise<Socket> {
  const socket = connect(server.address.port, server.address.host);
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await new Promise((resolve) => socket.once('connect', resolve));
  if (bytes !== '') socket.write(bytes);
  return socket;
}

async function crowdedBy(bytes: string) {
  const node = new FakeNode();
  const parts = await serverOf(node, { connectionsMax: PLACES });
  const closed: number[] = [];
  const sockets: Socket[] = [];
  for (let index = 0; index < PLACES; index += 1) {
    const socket = await open(parts.server, bytes);
    sockets.push(socket);
    socket.resume();
    socket.once('close', () => closed.push(index));
  }
  const used = (what: string): number =>
    node.bounds.status.find(({ name }) => name === what)?.used ?? 0;
  await expect.poll(() => used('connections')).toBe(PLACES);
  if (bytes === WATCH) await expect.poll(() => used('watches')).toBe(PLACES);
  return { ...parts, node, closed, sockets, used };
}

test('the connection that has been idle for longest gives way to a newcomer', async () => {
  const { call, closed } = await crowdedBy('');

  expect((await call('PUT', '/v1/kv/a', { body: 'v' })).status).toBe(200);
  await expect.poll(() => closed).toEqual([0]);
});

test('where all are busy, operators, health checks and nodes are served, and clients are told', async () => {
  const { call, closed, node, server } = await crowdedBy(WATCH);
  for (const path of ['/livez', '/readyz', '/leader', '/v1/status', '/metrics', '/v1/events']) {
    expect((await call('GET', path)).status).toBe(200);
  }
  expect((await call('POST', '/v1/admin/promote')).status).toBe(200);
  await new WsDialer().dial(`127.0.0.1:${server.address.port}`);
  expect(node.links).toHaveLength(1);
  const refused = await call('PUT', '/v1/kv/a', { body: 'v' });
  expect(refused.status).toBe(503);
  expect(refused.json['error']).toMatchObject({ code: 'BUSY', outcome: 'rejected' });
  expect(closed).toEqual([]);
});

test('a health check that has only connected yet does not give way to the next newcomer', async () => {
  const { server, sockets, used } = await crowdedBy(WATCH);
  sockets[0]?.destroy();
  await expect.poll(() => used('connections')).toBe(PLACES - 1);
  const early = await open(server);
  await open(server);
  let text = '';
  early.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));

  early.write('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');

  await expect.poll(() => text).toContain('HTTP/1.1 200');
});

test('newcomers that say nothing do not keep the places of health checks', async () => {
  const { server, call } = await crowdedBy(WATCH);
  for (let index = 0; index < 2 * CONNECTIONS_KEPT; index += 1) await open(server);

  expect((await call('GET', '/livez')).status).toBe(200);
});

test('clients that are refused leave the places that are kept, though they never finish asking', async () => {
  const { server, call, node } = await crowdedBy(UNFINISHED);
  for (let index = 0; index < CONNECTIONS_KEPT; index += 1) await open(server, UNFINISHED);

  for (let count = 0; count < 20; count += 1) {
    expect((await call('GET', '/livez')).status).toBe(200);
  }
  expect(node.writes).toEqual([]);
});

test('a bound that is near is in the events, the warnings and the metrics', async () => {
  const { call, node } = await crowdedBy(WATCH);
  node.bounds.look();

  expect(node.bounds.warnings).toContainEqual({
    code: 'BOUND_NEAR',
    message: `connections: ${PLACES} of at most ${PLACES}`,
  });
  const { events } = (await call('GET', '/v1/events')).json;
  expect(events).toContainEqual(expect.objectContaining({ code: 'BOUND_NEAR', level: 'warn' }));
  const metrics = (await call('GET', '/metrics')).body.toString();
  expect(metrics).toContain(`walship_bound_max{bound="connections"} ${PLACES}`);
});

test.for([
  ['PUT', '/v1/kv/a'],
  ['POST', '/v1/txn'],
  ['DELETE', '/v1/kv/a'],
])('a follower says where to go before it takes the body of %s %s', async ([method, path]) => {
  const node = new FakeNode();
  node.refusal = new WalshipError('NO_LEADER', 'this node does not lead, n1 does', {
    outcome: 'rejected',
    details: { leader: '127.0.0.1:9', leaderId: 'n1' },
  });
  const { server } = await serverOf(node);
  for (const expectation of ['', 'Expect: 100-continue\r\n']) {
    const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${expectation}`;
    const socket = await open(server, `${head}Content-Length: 1000\r\n\r\n`);
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    // Nothing of the body is ever sent.
    await expect.poll(() => text).toMatch(/^HTTP\/1\.1 307 [^]*location: http:\/\/127\.0\.0\.1:9/i);
  }
  expect(node.writes).toEqual([]);
});
