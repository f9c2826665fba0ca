import { describe, expect, test } from 'vitest';
import { Inbox, INBOX_BYTES_MAX } from '../../src/follower/inbox.ts';

describe('an inbox', () => {
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
