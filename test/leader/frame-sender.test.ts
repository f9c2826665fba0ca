import { expect, test } from 'vitest';
import { FrameSender } from '../../src/leader/frame-sender.ts';
import { BufferPool } from '../../src/leader/buffer-pool.ts';
import type { Link } from '../../src/ports/link.ts';
import { decodeMessage } from '../../src/protocol/codec.ts';
import { FRAME_BYTES_MAX } from '../../src/protocol/messages.ts';
import type { Frame } from '../../src/protocol/messages.ts';

const frameOf = (byte: number, length: number): Frame => ({
  kind: 'frame',
  epoch: 3,
  commitLsn: 4,
  previous: { epoch: 2, lsn: 1, chain: 9 },
  pieceIndex: 0,
  pieceCount: 1,
  bytes: Buffer.alloc(length, byte),
});

/** Takes what is sent only when it is told to. */
class SlowLink implements Link {
  readonly peer = 'n2';
  readonly bufferedBytes = 0;
  readonly waiting: { readonly message: Buffer; readonly sent: () => void }[] = [];

  send(message: Buffer, sent?: () => void): void {
    this.waiting.push({ message, sent: sent ?? (() => undefined) });
  }

  receive(): void {}

  close(): void {}
}

test(
  'frames keep their bytes until the network has taken them, and their memory is used again then',
  { tags: ['slow'] },
  () => {
    const link = new SlowLink();
    let taken = 0;
    const sender = new FrameSender(link, new BufferPool(), () => (taken += 1));
    const sizes = [FRAME_BYTES_MAX, 0, 40_000, 100, FRAME_BYTES_MAX];
    const frames = sizes.map((length, index) => frameOf(index, length));
    for (const frame of frames) sender.send(frame);

    const arrived = link.waiting.map(({ message }) => decodeMessage(message));
    expect(arrived).toEqual(frames.map((message) => ({ kind: 'message', message })));
    const memories = new Set(link.waiting.map(({ message }) => message.buffer));
    for (const { sent } of link.waiting.splice(0)) sent();
    expect(taken).toBe(frames.length);

    for (const byte of [7, 8, 9]) sender.send(frameOf(byte, 50_000));
    expect(link.waiting.every(({ message }) => memories.has(message.buffer))).toBe(true);
    expect(new Set(link.waiting.map(({ message }) => message.buffer)).size).toBe(3);
    expect(link.waiting.map(({ message }) => message.at(-1))).toEqual([7, 8, 9]);
  },
);
