import { describe, expect, test } from 'vitest';
import { Inbox, INBOX_BYTES_MAX } from '../../src/follower/inbox.ts';
import { FOLLOWER_WRITE_BYTES_MAX, MiB } from '../../src/wal/limits.ts';

const of = (byte: number, bytes: number): Buffer => Buffer.alloc(bytes, byte);

describe('an inbox', () => {
  test('gives what waits as one stretch, in order, with the highest commit LSN', () => {
    const inbox = new Inbox();
    inbox.add(of(1, 100), 5);
    inbox.add(of(2, 50), 4);

    const taken = inbox.take();

    expect(taken).toEqual({ bytes: Buffer.concat([of(1, 100), of(2, 50)]), commitLsn: 5 });
    expect(inbox.bytes).toBe(0);
    expect(inbox.take()).toBeUndefined();
  });

  test('keeps nothing of the message, and never writes again where something was taken', () => {
    const inbox = new Inbox();
    const message = of(1, 100);
    inbox.add(message, 1);
    message.fill(9);
    const first = inbox.take();
    for (let round = 0; round < 100; round += 1) {
      inbox.add(of(2, 100_000), 2);
      inbox.take();
    }

    expect(first?.bytes.equals(of(1, 100))).toBe(true);
  });

  test('does not copy what was put into its room', () => {
    const inbox = new Inbox();
    inbox.add(of(1, 100), 1);
    const room = inbox.room(500_000);
    room.fill(2, 0, 300);
    inbox.add(room.subarray(0, 300), 1);
    inbox.add(of(3, 100), 1);

    const taken = inbox.take();

    expect(taken?.bytes.equals(Buffer.concat([of(1, 100), of(2, 300), of(3, 100)]))).toBe(true);
    expect(taken?.bytes.buffer).toBe(room.buffer);
  });

  test('takes no more at a time than a follower may write, unless it is one batch', () => {
    const inbox = new Inbox();
    const sizes = [MiB, 3 * MiB - 1, 2, MiB, 9 * MiB, 1, MiB, MiB, MiB, MiB];
    const sent = sizes.map((bytes, index) => of(index + 1, bytes));
    for (const bytes of sent) inbox.add(bytes, 0);
    expect(inbox.bytes).toBe(sizes.reduce((sum, bytes) => sum + bytes, 0));

    const taken: Buffer[] = [];
    for (let next = inbox.take(); next !== undefined; next = inbox.take()) taken.push(next.bytes);

    expect(Buffer.concat(taken).equals(Buffer.concat(sent))).toBe(true);
    for (const { length } of taken) {
      expect(length <= FOLLOWER_WRITE_BYTES_MAX || length === 9 * MiB).toBe(true);
    }
  });

  test('is full above its bound, and has room again when that was taken', () => {
    const inbox = new Inbox();
    inbox.add(Buffer.alloc(INBOX_BYTES_MAX), 1);
    expect(inbox.full).toBe(false);
    inbox.add(Buffer.alloc(1), 2);
    expect(inbox.full).toBe(true);

    expect(inbox.take()?.commitLsn).toBe(1);
    expect(inbox.full).toBe(false);
  });
});
