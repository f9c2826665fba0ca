import { describe, expect, test } from 'vitest';
import { Inbox, INBOX_BYTES_MAX } from '../../src/follower/inbox.ts';
import type { NextWrite } from '../../src/follower/inbox.ts';
import { MiB } from '../../src/ports/units.ts';
import { FOLLOWER_WRITE_BYTES_MAX } from '../../src/wal/format/limits.ts';
import type { Position } from '../../src/wal/format/position.ts';
import type { BatchInfo } from '../../src/wal/format/scan.ts';

const of = (byte: number, bytes: number): Buffer => Buffer.alloc(bytes, byte);
const START: Position = { epoch: 1, lsn: 7, chain: 0 };

/** One batch of one record, whatever the bytes. */
function oneBatch(first: Position, { length }: Buffer): BatchInfo[] {
  const last = { ...first, lsn: first.lsn + 1 };
  const seal = { lsn: last.lsn, count: 1, epoch: 1, chain: 0, commitLsn: 0, timeMs: 0 };
  return [{ first, last, offset: 0, end: length, seal }];
}

/** Whatever comes into it is fine, and follows START. */
function openInbox(): Inbox {
  const inbox = new Inbox(oneBatch);
  inbox.continueFrom(START);
  return inbox;
}

function next(inbox: Inbox): NextWrite | undefined {
  inbox.verify();
  return inbox.take();
}

describe('an inbox', () => {
  test('gives what waits as one stretch, in order, with the highest commit LSN', () => {
    const inbox = openInbox();
    inbox.add(of(1, 100), 5);
    inbox.add(of(2, 50), 4);

    const taken = next(inbox);

    expect(taken?.bytes.equals(Buffer.concat([of(1, 100), of(2, 50)]))).toBe(true);
    expect(taken?.commitLsn).toBe(5);
    expect(inbox.bytes).toBe(0);
    expect(next(inbox)).toBeUndefined();
  });

  test('keeps nothing of the message, and never writes again where something was taken', () => {
    const inbox = openInbox();
    const message = of(1, 100);
    inbox.add(message, 1);
    message.fill(9);
    const first = next(inbox);
    for (let round = 0; round < 100; round += 1) {
      inbox.add(of(2, 100_000), 2);
      next(inbox);
    }

    expect(first?.bytes.equals(of(1, 100))).toBe(true);
  });

  test('does not copy what was put into its room', () => {
    const inbox = openInbox();
    inbox.add(of(1, 100), 1);
    const room = inbox.room(500_000);
    room.fill(2, 0, 300);
    inbox.add(room.subarray(0, 300), 1);
    inbox.add(of(3, 100), 1);

    const taken = next(inbox);

    expect(taken?.bytes.equals(Buffer.concat([of(1, 100), of(2, 300), of(3, 100)]))).toBe(true);
    expect(taken?.bytes.buffer).toBe(room.buffer);
  });

  test('takes no more at a time than a follower may write, unless it is one batch', () => {
    const inbox = openInbox();
    const sizes = [MiB, 3 * MiB - 1, 2, MiB, 9 * MiB, 1, MiB, MiB, MiB, MiB];
    const sent = sizes.map((bytes, index) => of(index + 1, bytes));
    for (const bytes of sent) inbox.add(bytes, 0);
    expect(inbox.bytes).toBe(sizes.reduce((sum, bytes) => sum + bytes, 0));

    const taken: Buffer[] = [];
    for (let write = next(inbox); write !== undefined; write = next(inbox)) taken.push(write.bytes);

    expect(Buffer.concat(taken).equals(Buffer.concat(sent))).toBe(true);
    for (const { length } of taken) {
      expect(length <= FOLLOWER_WRITE_BYTES_MAX || length === 9 * MiB).toBe(true);
    }
  });

  test('is full above its bound, and has room again when that was taken', () => {
    const inbox = openInbox();
    inbox.add(Buffer.alloc(INBOX_BYTES_MAX), 1);
    expect(inbox.full).toBe(false);
    inbox.add(Buffer.alloc(1), 2);
    expect(inbox.full).toBe(true);

    expect(next(inbox)?.commitLsn).toBe(1);
    expect(inbox.full).toBe(false);
  });

  test('says where each batch is in what is taken, and what it follows', () => {
    const inbox = openInbox();
    for (const bytes of [100, 50, 7]) inbox.add(of(1, bytes), 0);

    const places = next(inbox)?.batches.map(({ first, offset, end }) => [first.lsn, offset, end]);

    expect(places).toEqual([
      [7, 0, 100],
      [8, 100, 150],
      [9, 150, 157],
    ]);
  });

  test('gives nothing before it is known what it follows, and nothing that was not verified', () => {
    const inbox = new Inbox(oneBatch);
    inbox.add(of(1, 100), 0);
    expect(next(inbox)).toBeUndefined();

    inbox.continueFrom(START);
    expect(inbox.take()).toBeUndefined();
    expect(next(inbox)?.bytes.length).toBe(100);
  });

  test('is checked by the rules of the log: what does not continue it is refused', () => {
    const inbox = new Inbox();
    inbox.continueFrom(START);
    inbox.add(of(1, 100), 0);

    expect(() => inbox.verify()).toThrow(/after LSN 7/);
    expect(inbox.take()).toBeUndefined();
  });
});
