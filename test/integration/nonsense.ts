/** Peers that do not speak the protocol, each in its own way. */
import { connect } from 'node:net';
import { expect } from 'vitest';

const UPGRADE = [
  'GET /v1/replicate HTTP/1.1',
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '',
  '',
].join('\r\n');

const CLOSED_MS_MAX = 10_000;

/** A whole WebSocket frame of a client, with a mask of zeros. */
function frame(opcode: number, payload: Buffer): Buffer {
  const length =
    payload.length < 126
      ? Buffer.from([0x80 | payload.length])
      : Buffer.from([0x80 | 126, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([Buffer.from([0x80 | opcode]), length, Buffer.alloc(4), payload]);
}

const noise = Buffer.from(Array.from({ length: 1_000 }, (_, index) => (index * 167 + 13) & 255));

const PEERS: readonly (readonly [string, Buffer])[] = [
  ['bytes that are no HTTP', noise],
  ['a binary message of noise', Buffer.concat([Buffer.from(UPGRADE), frame(2, noise)])],
  ['an empty message', Buffer.concat([Buffer.from(UPGRADE), frame(2, Buffer.alloc(0))])],
  ['a text message', Buffer.concat([Buffer.from(UPGRADE), frame(1, Buffer.from('{"hello":1}'))])],
  ['a message without a mask', Buffer.concat([Buffer.from(UPGRADE), Buffer.from([0x82, 1, 7])])],
  [
    'a frame of 2^62 bytes',
    Buffer.concat([Buffer.from(UPGRADE), Buffer.from([0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0])]),
  ],
  [
    'an array of 2^32 elements',
    Buffer.concat([Buffer.from(UPGRADE), frame(2, Buffer.from([0xdd, 255, 255, 255, 255]))]),
  ],
];

/** Opens one connection for each kind of nonsense; each must be closed by the other side. */
export async function speakNonsense(port: number): Promise<void> {
  for (const [name, bytes] of PEERS) {
    const closed = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
      socket.setTimeout(CLOSED_MS_MAX, () => {
        resolve(false);
        socket.destroy();
      });
      socket.on('error', () => resolve(true));
      socket.on('close', () => resolve(true));
      // The end of the other side is enough; nothing of ours follows.
      socket.on('end', () => resolve(true)).resume();
    });
    expect(closed, `${name} ends the connection`).toBe(true);
  }
}
