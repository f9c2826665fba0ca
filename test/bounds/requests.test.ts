/**
 * Goal: requests that wait are bounded: one more is refused in words, everything else goes on, and room comes back.
 * Method: the read and write path of a lone voter, whose log is real on a simulated disk; nothing is committed but what the test says.
 * @module-tag slow
 */
import { Overlay } from '../../src/store/overlay.ts';
import { expect, test } from 'vitest';
import { PROOF_WAITERS_MAX } from '../../src/leader/leader.ts';
import type { WriteRequest } from '../../src/node/api/api.ts';
import { READ_WAITERS_MAX, ReadPath } from '../../src/node/requests/read-path.ts';
import {
  BEGINNING_MS_MAX,
  WRITE_WAITERS_MAX,
  WritePath,
} from '../../src/node/requests/write-path.ts';
import { TICK_MS } from '../../src/ports/tick-timer.ts';
import { leaderOf } from '../node/leader-fixture.ts';
import { append, withReplica } from '../node/replica-fixture.ts';
import type { Stage } from '../node/replica-fixture.ts';

const LONG_MS = 600_000;

interface Written {
  readonly writes: WritePath;
  /** Commits everything that has an LSN, and applies it. */
  readonly commitAll: () => Promise<void>;
}

/** Opens the write path of n1, the only voter, whose leadership is committed; nothing else commits by itself. */
async function lead(
  { replica, clock }: Stage,
  { uncommittedBytesMax = Number.MAX_SAFE_INTEGER } = {},
): Promise<Written> {
  const leader = leaderOf(replica, clock, { hooks: { commit: () => undefined } });
  replica.setMatched(Number.MAX_SAFE_INTEGER);
  replica.learnCommitted(1);
  const options = { replica, leader, inherited: new Overlay(), clock, quorum: 1, voterCount: 1 };
  const writes = new WritePath({ ...options, uncommittedBytesMax });
  replica.onCommitted(() => writes.committedMoved());
  replica.onApplied(() => writes.appliedMoved());
  writes.committedMoved();
  const commitAll = async (): Promise<void> => {
    await replica.log.drained();
    replica.learnCommitted(replica.log.last.lsn);
    await replica.caughtUp();
  };
  await commitAll();
  return { writes, commitAll };
}

const put = (valueBytes = 1): WriteRequest => ({
  conditions: [],
  ops: [{ op: 'put', key: Buffer.from('k'), value: Buffer.alloc(valueBytes) }],
  ack: 'quorum',
  timeoutMs: LONG_MS,
});

function openReads({ replica, clock }: Stage): ReadPath {
  const reads = new ReadPath(replica, clock);
  replica.setMatched(Number.MAX_SAFE_INTEGER);
  replica.learnCommitted(1);
  replica.onApplied(() => reads.moved());
  return reads;
}

test('one more waiting read is BUSY; reads that need not wait are answered, and room comes back', () =>
  withReplica(async (stage) => {
    const { replica } = stage;
    const reads = openReads(stage);
    await replica.caughtUp();
    const later = { version: { epoch: 1, lsn: 2 }, level: 'applied' as const, timeoutMs: LONG_MS };
    const waiting = Array.from({ length: READ_WAITERS_MAX }, () => reads.wait(later));

    await expect(reads.wait(later)).rejects.toMatchObject({
      code: 'BUSY',
      message: expect.stringContaining(`the limit is ${READ_WAITERS_MAX}`),
    });
    const read = await reads.read({ key: Buffer.from('k'), timeoutMs: LONG_MS }, undefined);
    expect(read.found).toBeUndefined();

    append(replica);
    await replica.log.drained();
    replica.learnCommitted(2);
    await Promise.all(waiting);
    await reads.wait(later);
  }));

test('one more waiting write is BUSY and rejected; reads are answered, and room comes back', () =>
  withReplica(async (stage) => {
    const { writes, commitAll } = await lead(stage);
    const waiting = Array.from({ length: WRITE_WAITERS_MAX }, () => writes.write(put()));

    await expect(writes.write(put())).rejects.toMatchObject({
      code: 'BUSY',
      outcome: 'rejected',
      message: expect.stringContaining(`the limit is ${WRITE_WAITERS_MAX}`),
    });
    const read = await openReads(stage).read({ key: Buffer.from('k'), timeoutMs: 0 }, undefined);
    expect(read.found).toBeUndefined();

    await commitAll();
    await Promise.all(waiting);
    const last = writes.write(put());
    await commitAll();
    expect((await last).version.lsn).toBe(1 + WRITE_WAITERS_MAX + 1);
  }));

test('a write above the bytes that may wait to be committed is BUSY and rejected, and room comes back', () =>
  withReplica(async (stage) => {
    const { writes, commitAll } = await lead(stage, { uncommittedBytesMax: 10_000 });
    // One write may pass the bound; the next one finds it passed.
    const waiting = [writes.write(put(9_000)), writes.write(put(9_000))];

    await expect(writes.write(put())).rejects.toMatchObject({
      code: 'BUSY',
      outcome: 'rejected',
      message: expect.stringContaining('the limit is 10000'),
    });

    await commitAll();
    await Promise.all(waiting);
    const next = writes.write(put());
    await commitAll();
    await next;
  }));

test('one more read that waits for a proof of leading is BUSY, and room comes back', () =>
  withReplica(async ({ replica, clock }) => {
    // Two others have to answer, and neither is in session.
    const leader = leaderOf(replica, clock, { voters: ['n1', 'n2', 'n3'], proofVoters: 2 });
    const waiting = Array.from({ length: PROOF_WAITERS_MAX }, () => leader.prove(1_000));
    const settled = Promise.allSettled(waiting);

    await expect(leader.prove(1_000)).rejects.toMatchObject({ code: 'BUSY' });

    await new Promise((resolve) => void clock.after(1_500, () => resolve(undefined)));
    leader.tick();
    for (const result of await settled) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'WAIT_TIMEOUT' } });
      if (result.status === 'fulfilled') break;
    }
    const next = leader.prove(1_000).catch((error: unknown) => error);
    leader.end({ code: 'NODE_CLOSED', message: 'the test is over' });
    expect(await next).toMatchObject({ code: 'NO_LEADER' });
  }));

test('writes are held up for a bounded time by a leadership that has only begun, then rejected', () =>
  withReplica(async ({ replica, clock }) => {
    const leader = leaderOf(replica, clock, { voters: ['n1', 'n2', 'n3'], quorum: 2 });
    const options = { replica, leader, inherited: new Overlay(), clock, quorum: 2, voterCount: 3 };
    const writes = new WritePath({ ...options, uncommittedBytesMax: 1_000_000 });
    const beganMs = clock.nowMs();
    const tick = (): void => {
      writes.tick();
      clock.after(TICK_MS, tick);
    };
    tick();

    await expect(writes.write(put())).rejects.toMatchObject({
      code: 'NO_QUORUM',
      outcome: 'rejected',
    });
    expect(clock.nowMs() - beganMs).toBeGreaterThanOrEqual(BEGINNING_MS_MAX - TICK_MS);
    expect(clock.nowMs() - beganMs).toBeLessThan(2 * BEGINNING_MS_MAX);
    // From then on nothing is held up.
    const laterMs = clock.nowMs();
    await expect(writes.write(put())).rejects.toMatchObject({ code: 'NO_QUORUM' });
    expect(clock.nowMs()).toBe(laterMs);
  }));
