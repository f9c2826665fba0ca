/** Real sockets on loopback: an echo server, and a proxy before it whose paths a test changes. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { PUMP_BYTES_MAX } from '../../../src/drill/target/byte-pump.ts';
import {
  busyMs,
  GOOD_PATH,
  PIECE_BYTES_MAX,
  piecesOf,
  RETRANSMIT_MS,
  travelMs,
} from '../../../src/drill/target/network-path.ts';
import type { PathCondition } from '../../../src/drill/target/network-path.ts';
import { HOLD_MS_MAX, TcpProxy } from '../../../src/drill/target/tcp-proxy.ts';

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanUp.splice(0)) each();
});

class Stage {
  there: PathCondition = GOOD_PATH;
  back: PathCondition = GOOD_PATH;
  /** What the server has received, all connections together. */
  received = '';
  readonly accepted = new Set<Socket>();
  nowMs = 0;
  onReceived: () => void = () => {};
  proxy!: TcpProxy;

  static async open(): Promise<Stage> {
    const stage = new Stage();
    const server = createServer((socket) => {
      stage.accepted.add(socket);
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        stage.received += chunk.toString();
        stage.onReceived();
        socket.write(`echo ${chunk.toString()}`);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    stage.proxy = await TcpProxy.open({
      target: { host: '127.0.0.1', port },
      there: () => stage.there,
      back: () => stage.back,
      fraction: () => 0.5,
      nowMs: () => stage.nowMs,
    });
    cleanUp.push(() => {
      void stage.proxy.close();
      server.close();
    });
    return stage;
  }

  async dial(): Promise<Socket> {
    const socket = connect(this.proxy.port, '127.0.0.1');
    cleanUp.push(() => socket.destroy());
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }

  /** Resets what the server has accepted, as the end of its process does. */
  async killConnections(): Promise<void> {
    const closed = [...this.accepted].map(closeOf);
    for (const socket of this.accepted) socket.resetAndDestroy();
    await Promise.all(closed);
  }

  async untilReceived(text: string): Promise<void> {
    while (!this.received.includes(text)) {
      await new Promise<void>((resolve) => {
        this.onReceived = resolve;
      });
    }
  }
}

/** Resolves when whatever was sent on this machine before has arrived: as long as several round trips through another proxy take. */
async function turns(): Promise<void> {
  const stage = await Stage.open();
  const socket = await stage.dial();
  for (let turn = 0; turn < 5; turn += 1) {
    socket.write('turn');
    await answer(socket);
  }
}

/** Resolves once it is closed, broken or not. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

async function answer(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString();
}

describe('a proxy between two nodes', () => {
  test('passes bytes both ways', async () => {
    const stage = await Stage.open();
    const socket = await stage.dial();

    socket.write('hello');

    expect(await answer(socket)).toBe('echo hello');
  });

  test('holds back one direction while the other is open, and gives on what it held', async () => {
    const stage = await Stage.open();
    const socket = await stage.dial();
    stage.back = { ...GOOD_PATH, cut: true };
    stage.proxy.changed();
    let answered = '';
    socket.on('data', (chunk) => (answered += chunk.toString()));

    socket.write('one way');
    await stage.untilReceived('one way');
    expect(answered).toBe('');
    stage.back = GOOD_PATH;
    stage.proxy.changed();
    await once(socket, 'data');

    expect(answered).toBe('echo one way');
  });

  test('breaks a connection that was cut for longer than one survives', async () => {
    const stage = await Stage.open();
    const socket = await stage.dial();
    socket.write('x');
    await answer(socket);
    stage.there = { ...GOOD_PATH, cut: true };
    stage.proxy.changed();
    stage.nowMs += HOLD_MS_MAX + 1;
    stage.there = GOOD_PATH;
    const closed = closeOf(socket);

    stage.proxy.changed();

    await closed;
  });

  test('keeps the death of a process from those who are cut off from it, until the cut ends', async () => {
    const stage = await Stage.open();
    const socket = await stage.dial();
    socket.write('x');
    await answer(socket);
    stage.back = { ...GOOD_PATH, cut: true };
    stage.proxy.changed();
    const closed = closeOf(socket);

    await stage.killConnections();
    await turns();
    expect(socket.closed).toBe(false);
    stage.back = GOOD_PATH;
    stage.proxy.changed();

    await closed;
  });

  test('accepts who dials into a cut, and answers nothing', async () => {
    const stage = await Stage.open();
    stage.there = { ...GOOD_PATH, cut: true };
    stage.proxy.changed();
    const socket = await stage.dial();

    socket.write('hello');
    await turns();

    expect(stage.received).toBe('');
    expect(socket.closed).toBe(false);
  });

  test('gives on what a narrow path held up, as soon as the path is wide again', async () => {
    const stage = await Stage.open();
    const socket = await stage.dial();
    stage.there = { ...GOOD_PATH, bytesPerSecond: 1 };
    stage.proxy.changed();

    socket.write(`${'x'.repeat(100_000)} end`);
    await turns();
    expect(stage.received).toBe('');
    stage.there = GOOD_PATH;
    stage.proxy.changed();

    await stage.untilReceived('end');
    expect(stage.received).toBe(`${'x'.repeat(100_000)} end`);
  });

  test('resets what is open, and takes new connections', async () => {
    const stage = await Stage.open();
    const socket = await stage.dial();
    socket.write('x');
    await answer(socket);
    const closed = closeOf(socket);

    stage.proxy.reset();
    await closed;
    const again = await stage.dial();
    again.write('again');

    expect(await answer(again)).toBe('echo again');
  });

  test('lets a sender feel it when nothing gets through', async () => {
    const stage = await Stage.open();
    const socket = await stage.dial();
    stage.there = { ...GOOD_PATH, cut: true };
    stage.proxy.changed();
    // More than the proxy and the kernel's buffers take together.
    for (let sent = 0; sent < 32 * PUMP_BYTES_MAX; sent += PUMP_BYTES_MAX) {
      socket.write(Buffer.alloc(PUMP_BYTES_MAX));
    }
    const tried = new Promise((resolve) => socket.write('last', resolve));
    await turns();

    expect(await Promise.race([tried, Promise.resolve('waits')])).toBe('waits');
    expect(socket.writableLength).toBeGreaterThan(PUMP_BYTES_MAX);
  });
});

describe('a path', () => {
  test('takes its delay, and a part of its jitter', () => {
    expect(travelMs({ ...GOOD_PATH, delayMs: 100, jitterMs: 50 }, () => 0.5)).toBe(125);
  });

  test('takes a retransmission more for each time that a segment is lost, twice as long each time', () => {
    const lost = [0, 0.1, 0.1, 0.9];

    expect(travelMs({ ...GOOD_PATH, lossShare: 0.3 }, () => lost.shift() ?? 1)).toBe(
      3 * RETRANSMIT_MS,
    );
  });

  test('is busy for as long as its bandwidth wants it', () => {
    expect(busyMs({ ...GOOD_PATH, bytesPerSecond: 1000 }, 500)).toBe(500);
    expect(busyMs(GOOD_PATH, 500)).toBe(0);
  });

  test('takes a large chunk in pieces where it is narrow, and whole where it is not', () => {
    const chunk = Buffer.alloc(2 * PIECE_BYTES_MAX + 1, 7);
    const pieces = piecesOf({ ...GOOD_PATH, bytesPerSecond: 1000 }, chunk);

    expect(pieces.map(({ length }) => length)).toEqual([PIECE_BYTES_MAX, PIECE_BYTES_MAX, 1]);
    expect(Buffer.concat(pieces)).toEqual(chunk);
    expect(piecesOf(GOOD_PATH, chunk)).toEqual([chunk]);
  });
});
