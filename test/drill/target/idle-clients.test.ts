/**
 * Goal: a crowd of idle clients is there, stays, and is gone when it leaves.
 * Method: a server that counts its connections, and closes some.
 */
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { IdleClients } from '../../../src/drill/target/idle-clients.ts';

async function counting() {
  const sockets = new Set<Socket>();
  const said: string[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => said.push(chunk.toString('latin1')));
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const clients = new IdleClients();
  onTestFinished(() => {
    clients.close();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const crowd = { kind: 'idle-clients', node: 'n1', count: 70, unfinished: true } as const;
  const come = async (): Promise<string> => await clients.come(`http://127.0.0.1:${port}`, crowd);
  return { sockets, said, clients, server, come };
}

test('clients that never finish asking are all connected, and are gone when they leave', async () => {
  const { sockets, said, clients, come } = await counting();

  expect(await come()).toBe('70 of 70 got a place at once');
  await expect.poll(() => said.length).toBe(70);
  expect(new Set(said.map((text) => text.split('\r\n')[0]))).toEqual(
    new Set(['POST /v1/txn HTTP/1.1']),
  );
  expect(sockets.size).toBe(70);

  clients.leave('n1');
  await expect.poll(() => sockets.size).toBe(0);
});

test('a crowd that comes again takes the place of the one before', async () => {
  const { sockets, come } = await counting();
  await come();

  await come();

  await expect.poll(() => sockets.size).toBe(70);
});

test('clients that nobody takes are said to have no place', async () => {
  const { server, come } = await counting();
  await new Promise((done) => server.close(done));

  expect(await come()).toBe('0 of 70 got a place at once');
});
