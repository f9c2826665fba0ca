/** Files of snapshots that are being sent: each one that is opened is closed, however sending ends. */
import { expect, test } from 'vitest';
import { BufferPool } from '../../src/leader/buffer-pool.ts';
import { SnapshotSender } from '../../src/leader/snapshot-sender.ts';
import type { Link } from '../../src/ports/link.ts';

const DIGEST = '0'.repeat(64);
const LINK: Link = {
  peer: 'n2',
  bufferedBytes: 0,
  send: (_message, sent) => sent?.(),
  receive: () => undefined,
  close: () => undefined,
};

interface Sending {
  readonly sender: SnapshotSender;
  readonly opened: () => number;
  readonly closed: () => number;
  readonly failures: readonly string[];
}

function send(read: (target: Buffer) => Promise<number>): Sending {
  const count = { opened: 0, closed: 0 };
  const failures: string[] = [];
  const close = async (): Promise<void> => void (count.closed += 1);
  const sender: SnapshotSender = new SnapshotSender({
    source: {
      path: '/data/snapshots/1',
      start: { epoch: 1, lsn: 1, chain: 0 },
      endLsn: 1,
      digest: DIGEST,
      bytes: 1000,
      open: async () => {
        count.opened += 1;
        return { read, close };
      },
    },
    link: LINK,
    epoch: 1,
    buffers: new BufferPool(),
    // As a session does.
    onFailed: (reason) => {
      failures.push(reason);
      sender.close();
    },
  });
  return { sender, opened: () => count.opened, closed: () => count.closed, failures };
}

const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

test('a snapshot that cannot be read is closed', async () => {
  const { sender, opened, closed, failures } = send(() => Promise.reject(new Error('EIO')));

  sender.receive({ kind: 'want', epoch: 1, digest: DIGEST, offset: 0 });
  await settled();

  expect(failures).toEqual(['reading a snapshot failed: Error: EIO']);
  expect([opened(), closed()]).toEqual([1, 1]);
});

test('a snapshot that cannot be read any more when its session has ended is closed', async () => {
  let fail: (error: Error) => void = () => undefined;
  const reading = new Promise<number>((_done, failed) => (fail = failed));
  const { sender, opened, closed } = send(() => reading);
  sender.receive({ kind: 'want', epoch: 1, digest: DIGEST, offset: 0 });
  await settled();

  sender.close();
  expect([opened(), closed()]).toEqual([1, 0]);
  fail(new Error('EIO'));
  await settled();

  expect(closed()).toBeGreaterThan(0);
});

test('a snapshot that was sent is closed with its session', async () => {
  const { sender, closed } = send((target) => Promise.resolve(target.length));
  sender.receive({ kind: 'want', epoch: 1, digest: DIGEST, offset: 0 });
  await settled();

  sender.close();

  expect(closed()).toBe(1);
});
