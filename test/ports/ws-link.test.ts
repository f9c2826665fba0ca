/**
 * Goal: a link carries whole messages in order, and nothing that a peer does harms more than that link.
 * Method: real sockets on port 0, both adapters against each other, and raw clients where a peer misbehaves.
 */
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Link } from '../../src/ports/link.ts';
import {
  LinkAcceptor,
  MESSAGE_BYTES_MAX,
  REPLICATE_PATH,
  WsDialer,
  truncateUtf8,
} from '../../src/ports/ws-link.ts';

interface Side {
  readonly server: Server;
  readonly address: string;
  readonly acceptor: LinkAcceptor;
  readonly accepted: () => Promise<Link>;
}

async function listen(options: ConstructorParameters<typeof LinkAcceptor>[0] = {}): Promise<Side> {
  const acceptor = new LinkAcceptor(options);
  const links: Link[] = [];
  let wake: (() => void) | undefined;
  const server = createServer((_request, response) => response.writeHead(404).end());
  server.on('upgrade', (request, socket, head) => {
    acceptor.upgrade(request, socket, head, (link) => {
      links.push(link);
      wake?.();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    acceptor.close('the test is over');
    server.close();
    server.closeAllConnections();
  });
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const accepted = async (): Promise<Link> => {
    for (;;) {
      const link = links.shift();
      if (link !== undefined) return link;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  return { server, address, acceptor, accepted };
}

async function pair() {
  const side = await listen();
  const client = await new WsDialer().dial(side.address);
  const server = await side.accepted();
  return { ...side, client, server };
}

/** Collects what a link delivers. */
function receiver(link: Link) {
  const messages: Buffer[] = [];
  let wake: (() => void) | undefined;
  let closes = 0;
  const closed = new Promise<string>((resolve) => {
    link.receive({
      onMessage: (message) => {
        messages.push(Buffer.from(message));
        wake?.();
      },
      onClose: (reason) => {
        closes += 1;
        resolve(reason);
      },
    });
  });
  const count = async (wanted: number): Promise<readonly Buffer[]> => {
    while (messages.length < wanted) await new Promise<void>((resolve) => (wake = resolve));
    return messages;
  };
  return { messages, count, closed, closes: () => closes };
}

describe('a link', () => {
  test('carries messages of every size in order, both ways', async () => {
    const { client, server } = await pair();
    const sizes = [0, 1, 125, 126, 65_535, 65_536, 262_189, MESSAGE_BYTES_MAX];
    const atServer = receiver(server);
    const atClient = receiver(client);

    for (const size of sizes) client.send(Buffer.alloc(size, size % 251));
    for (const size of sizes) server.send(Buffer.alloc(size, size % 249));

    expect((await atServer.count(sizes.length)).map((m) => m.length)).toEqual(sizes);
    const received = await atClient.count(sizes.length);
    expect(received.every((m, i) => m.equals(Buffer.alloc(m.length, (sizes[i] ?? 0) % 249)))).toBe(
      true,
    );
  });

  test('delivers what came before receive, in a later turn and before what came after', async () => {
    const { client, server } = await pair();
    for (let i = 0; i < 100; i += 1) client.send(Buffer.from([i]));
    await new Promise<void>((resolve) => client.send(Buffer.from([100]), resolve));

    const atServer = receiver(server);
    expect(atServer.messages).toEqual([]);
    client.send(Buffer.from([101]));

    const values = (await atServer.count(102)).map((message) => message[0]);
    expect(values).toEqual(Array.from({ length: 102 }, (_, i) => i));
  });

  test('keeps a bounded number of bytes before receive; the network holds the rest', async () => {
    const { client, server } = await pair();
    for (let i = 0; i < 32; i += 1) client.send(Buffer.alloc(MESSAGE_BYTES_MAX, i));
    let last = -1;
    while (client.bufferedBytes !== last) {
      last = client.bufferedBytes;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(client.bufferedBytes).toBeGreaterThan(8 * MESSAGE_BYTES_MAX);

    const atServer = receiver(server);
    const values = (await atServer.count(32)).map((message) => message[0]);

    expect(values).toEqual(Array.from({ length: 32 }, (_, i) => i));
  });

  test('calls sent once for each message, also after it closed', async () => {
    const { client, server } = await pair();
    receiver(server);
    const calls = [0, 0, 0];
    await new Promise<void>((resolve) => {
      client.send(Buffer.from('a'), () => {
        calls[0] = (calls[0] ?? 0) + 1;
        resolve();
      });
    });
    const atClient = receiver(client);
    client.close('done');
    client.send(Buffer.from('b'), () => (calls[1] = (calls[1] ?? 0) + 1));
    await atClient.closed;
    await new Promise<void>((resolve) => {
      client.send(Buffer.from('c'), () => {
        calls[2] = (calls[2] ?? 0) + 1;
        resolve();
      });
    });

    expect(calls).toEqual([1, 1, 1]);
    expect(client.bufferedBytes).toBe(0);
  });

  test('tells both sides the reason once, however often it is closed', async () => {
    const { client, server } = await pair();
    const atServer = receiver(server);
    const atClient = receiver(client);

    client.close('STALE_EPOCH: epoch 7 leads');
    client.close('again');

    expect(await atServer.closed).toBe('STALE_EPOCH: epoch 7 leads');
    expect(await atClient.closed).toBe('STALE_EPOCH: epoch 7 leads');
    server.close('later');
    expect([atServer.closes(), atClient.closes()]).toEqual([1, 1]);
  });

  test('delivers the close to a receiver that comes late', async () => {
    const { client, server } = await pair();
    const atClient = receiver(client);
    client.send(Buffer.from('x'));
    client.close('early');
    await atClient.closed;

    const atServer = receiver(server);

    expect(await atServer.closed).toBe('early');
    expect(atServer.messages.map(String)).toEqual(['x']);
  });

  test('cuts a close reason at 123 bytes and at a character', async () => {
    const { client, server } = await pair();
    const atServer = receiver(server);

    client.close('ü'.repeat(100));

    expect(await atServer.closed).toBe('ü'.repeat(61));
    expect(truncateUtf8('abc', 3)).toBe('abc');
    expect(truncateUtf8('a😀', 4)).toBe('a');
  });

  test('is cut when the other side never answers its close', async () => {
    const { client } = await pair();
    const atClient = receiver(client);
    // The server side has no receiver and its inbox is full: its socket is paused for good.
    for (let i = 0; i < 64; i += 1) client.send(Buffer.alloc(MESSAGE_BYTES_MAX));

    client.close('enough');

    expect(await atClient.closed).toBe('enough');
  });
});

describe('a peer', () => {
  test('that sends a message over the limit loses its link and nobody else', async () => {
    const { address, accepted, client, server } = await pair();
    const raw = new WebSocket(`ws://${address}${REPLICATE_PATH}`);
    await new Promise((resolve) => raw.once('open', resolve));
    raw.on('error', () => {});
    const atVictim = receiver(await accepted());
    const atServer = receiver(server);

    raw.send(Buffer.alloc(MESSAGE_BYTES_MAX + 1));

    expect(await atVictim.closed).toContain('Max payload size exceeded');
    expect(atVictim.messages).toEqual([]);
    client.send(Buffer.from('alive'));
    expect((await atServer.count(1)).map(String)).toEqual(['alive']);
  });

  test('that sends text is told why its link closes', async () => {
    const { address, accepted } = await listen();
    const raw = new WebSocket(`ws://${address}${REPLICATE_PATH}`);
    const told = new Promise<[number, string]>((resolve) => {
      raw.once('close', (code, reason) => resolve([code, reason.toString()]));
    });
    raw.once('open', () => raw.send('hello'));
    const atServer = receiver(await accepted());

    expect(await told).toEqual([1003, 'a text message, expected binary ones']);
    expect(await atServer.closed).toBe('a text message, expected binary ones');
    expect(atServer.messages).toEqual([]);
  });

  test('that vanishes closes the link', async () => {
    const { address, accepted } = await listen();
    const raw = new WebSocket(`ws://${address}${REPLICATE_PATH}`);
    await new Promise((resolve) => raw.once('open', resolve));
    const atServer = receiver(await accepted());

    raw.terminate();

    expect(await atServer.closed).toBe('closed with code 1006');
  });

  test('that never reads costs its own link buffered bytes and nobody else anything', async () => {
    const { address, accepted, client, server } = await pair();
    const socket = await rawHandshake(address);
    const stuck = await accepted();
    let sent = 0;
    const batch = Buffer.alloc(MESSAGE_BYTES_MAX);
    for (let i = 0; i < 32; i += 1) stuck.send(batch, () => (sent += 1));

    const atClient = receiver(client);
    for (let i = 0; i < 10; i += 1) server.send(Buffer.from([i]));
    await atClient.count(10);

    expect(stuck.bufferedBytes).toBeGreaterThan(8 * MESSAGE_BYTES_MAX);
    expect(sent).toBeLessThan(32);
    const atStuck = receiver(stuck);
    stuck.close('too slow');
    expect(await atStuck.closed).toBe('too slow');
    await expect.poll(() => sent).toBe(32);
    socket.destroy();
  });
});

describe('dialling', () => {
  test.for([
    ['an HTTP server that is no walship node', 404],
    ['a server that breaks the handshake off', 0],
  ] as const)('%s is PEER_UNREACHABLE', async ([, status]) => {
    const server = createServer((_request, response) => response.writeHead(404).end('no'));
    if (status === 0) server.on('upgrade', (_request, socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;

    await expect(new WsDialer().dial(`127.0.0.1:${port}`)).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
      ...(status === 0 ? {} : { message: expect.stringContaining('answered HTTP 404') }),
    });
  });

  test('a node that is not known by the name says so', async () => {
    const server = createServer((_request, response) => response.writeHead(421).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;

    await expect(new WsDialer().dial(`127.0.0.1:${port}`)).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
      message: `127.0.0.1:${port} answered HTTP 421: it is not known by that name`,
    });
  });

  test('a server that accepts and says nothing is given up in time', async () => {
    const sockets: Socket[] = [];
    const server = createTcpServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { port } = server.address() as AddressInfo;

    await expect(new WsDialer(100).dial(`127.0.0.1:${port}`)).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
      message: expect.stringContaining('did not answer within 100 ms'),
    });
  });

  test.for(['127.0.0.1:1', 'no address at all', 'host:99999', 'a/b?c', ''])(
    '"%s" is PEER_UNREACHABLE',
    async (address) => {
      await expect(new WsDialer(2_000).dial(address)).rejects.toMatchObject({
        code: 'PEER_UNREACHABLE',
      });
    },
  );
});

describe('accepting', () => {
  test.for([
    ['another path', '/v1/other', '404'],
    ['no WebSocket key', REPLICATE_PATH, '400'],
  ] as const)('%s is refused in HTTP', async ([, path, status]) => {
    const { address } = await listen();
    expect(await upgradeWithoutKey(address, path)).toContain(`HTTP/1.1 ${status}`);
  });

  test('where all places are taken the oldest that is not kept gives way, and those that are kept never do', async () => {
    const { address, accepted } = await listen({ linksMax: 2 });
    const dialer = new WsDialer();
    const voter = receiver(await dialer.dial(address));
    const kept = await accepted();
    kept.keep?.();
    const stranger = receiver(await dialer.dial(address));
    (await accepted()).receive({ onMessage: () => undefined, onClose: () => undefined });
    const newcomer = receiver(await dialer.dial(address));
    const third = await accepted();

    expect(await stranger.closed).toContain('BUSY');
    third.keep?.();
    await expect(dialer.dial(address)).rejects.toMatchObject({
      message: expect.stringContaining('503'),
    });
    kept.send(Buffer.from('still here'));
    third.send(Buffer.from('still here'));
    expect((await voter.count(1))[0]?.toString()).toBe('still here');
    expect((await newcomer.count(1))[0]?.toString()).toBe('still here');
  });

  test('nothing is accepted once it is closed, and links that are open close', async () => {
    const { acceptor, address, client } = await pair();
    const atClient = receiver(client);

    acceptor.close('the node is shutting down');

    expect(await atClient.closed).toBe('the node is shutting down');
    await expect(new WsDialer().dial(address)).rejects.toMatchObject({
      message: expect.stringContaining('503'),
    });
  });
});

function tcp(address: string): Socket {
  const [host = '', port = ''] = address.split(':');
  return connect(Number(port), host);
}

/** A peer that completes the handshake and never reads again. */
function rawHandshake(address: string): Promise<Socket> {
  const socket = tcp(address);
  socket.write(
    `GET ${REPLICATE_PATH} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
  );
  return new Promise((resolve) => {
    socket.once('data', () => {
      socket.pause();
      resolve(socket);
    });
    socket.on('error', () => {});
  });
}

function upgradeWithoutKey(address: string, path: string): Promise<string> {
  const socket = tcp(address);
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  );
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}
