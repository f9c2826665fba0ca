/**
 * Goal: nothing counts for W but an ack of this very session, of a voter that is intact, with the leader's chain.
 * Method: a real log on a simulated disk, and a link whose other end is the test.
 */
import { describe, expect, test } from 'vitest';
import { COMMIT_NOTICE_MS, Session } from '../../src/leader/session.ts';
import type { Link, LinkHandlers } from '../../src/ports/link.ts';
import { decodeMessage, encodeMessage } from '../../src/protocol/codec.ts';
import { TICK_MS } from '../../src/ports/tick-timer.ts';
import type { ControlMessage } from '../../src/protocol/messages.ts';
import { ID, PACES, replicaAt } from '../node/replica-fixture.ts';
import type { Stage } from '../node/replica-fixture.ts';
import type { VoterState } from '../../src/wal/format/voter-state.ts';

interface Follower {
  readonly session: Session;
  readonly ack: (chain?: number) => void;
  readonly say: (message: ControlMessage) => void;
  readonly closed: () => string | undefined;
  /** Commit LSNs that frames told, in order. */
  readonly told: readonly number[];
  /** What is committed, as the session sees it. */
  readonly commit: (lsn: number) => void;
}

/** n2 in session, with the log that the leader has, from a hello in which it says so. */
function follow({ replica, clock }: Stage, state: VoterState = 'intact'): Follower {
  const { log } = replica;
  const seen: { handlers?: LinkHandlers; closed?: string } = {};
  const told: number[] = [];
  let committed = 0;
  const link: Link = {
    peer: 'n2',
    bufferedBytes: 0,
    send: (message, sent) => {
      const decoded = decodeMessage(message);
      if (decoded.kind === 'message' && decoded.message.kind === 'frame') {
        told.push(decoded.message.commitLsn);
      }
      sent?.();
    },
    receive: (handlers) => {
      seen.handlers = handlers;
    },
    close: (reason) => {
      seen.closed ??= reason;
    },
  };
  const last = log.durable;
  const session = new Session({
    link,
    log,
    clock,
    epoch: 1,
    voter: true,
    from: last,
    committedLsn: () => committed,
    hooks: {
      progressed: () => undefined,
      probed: () => undefined,
      heard: () => undefined,
      closed: () => undefined,
    },
    hello: {
      kind: 'hello',
      protocol: 1,
      clusterId: ID,
      historyId: ID,
      nodeId: 'n2',
      run: ID,
      epochs: log.epochs,
      epochsBefore: 0,
      last,
      commitLsn: 0,
      lowestCutLsn: 0,
      promise: { epoch: 1, candidate: null, attempt: null },
      state,
      configHash: ID,
      discard: false,
    },
  });
  session.start();
  const ack = (chain = last.chain): void => {
    const { lsn } = last;
    const lsns = { durableLsn: lsn, receivedLsn: lsn, appliedLsn: 0, writable: true };
    seen.handlers?.onMessage(encodeMessage({ kind: 'ack', epoch: 1, chain, ...lsns }));
  };
  const say = (message: ControlMessage): void => {
    seen.handlers?.onMessage(encodeMessage(message));
  };
  const commit = (lsn: number): void => {
    committed = lsn;
    session.committedMoved();
  };
  return { session, ack, say, closed: () => seen.closed, told, commit };
}

describe.for(PACES)('on %s,', ([, pace]) => {
  const withReplica = replicaAt(pace);

  test('a hello counts for nothing, and an ack for what it says', () =>
    withReplica(async (stage) => {
      const { session, ack } = follow(stage);
      expect(session.durableLsn).toBe(0);
      ack();

      expect(session.durableLsn).toBe(1);
    }));

  test('an ack with another chain than the leader’s ends the session, and counts for nothing', () =>
    withReplica(async (stage) => {
      const { session, ack, closed } = follow(stage);
      ack(7);

      expect(session.durableLsn).toBe(0);
      expect(closed()).toMatch(/^CHAIN_MISMATCH/);
    }));

  test('what was acknowledged in one session counts for nothing in the next', () =>
    withReplica(async (stage) => {
      const before = follow(stage);
      before.ack();
      expect(before.session.durableLsn).toBe(1);
      before.session.close('a newer session of the same node');
      const { session } = follow(stage);

      expect(session.durableLsn).toBe(0);
    }));

  test('an ack of a session that has ended counts for nothing', () =>
    withReplica(async (stage) => {
      const { session, ack } = follow(stage);
      session.confirmIdentity();
      session.close('over');
      ack();

      expect(session.counts).toBe(false);
      expect(session.durableLsn).toBe(0);
    }));

  test('a voter counts once the process at its address is known to be this one', () =>
    withReplica(async (stage) => {
      const { session, ack } = follow(stage);
      ack();
      expect(session.counts).toBe(false);
      session.confirmIdentity();

      expect(session.counts).toBe(true);
    }));

  test.for(['blank', 'suspect'] as const)('a %s voter does not count, whatever it acks', (state) =>
    withReplica(async (stage) => {
      const { session, ack } = follow(stage, state);
      session.confirmIdentity();
      ack();

      expect(session.counts).toBe(false);
    }),
  );

  test('a voter that says it is intact, and was not told so, does not count', () =>
    withReplica(async (stage) => {
      const { session, ack, say } = follow(stage, 'suspect');
      session.confirmIdentity();
      ack();
      say({ kind: 'is-intact', epoch: 1 });
      expect(session.counts).toBe(false);
      session.offerIntact(stage.replica.log.durable);
      say({ kind: 'is-intact', epoch: 1 });

      expect(session.counts).toBe(true);
    }));

  test('a commit that no frame tells is told by one of its own', () =>
    withReplica(async (stage) => {
      const { told, commit } = follow(stage);
      const after = (ms: number): Promise<void> =>
        new Promise((resolve) => {
          stage.clock.after(ms, resolve);
        });
      commit(1);
      expect(told).toEqual([]);
      await after(COMMIT_NOTICE_MS);

      expect(told).toEqual([1]);
    }));

  test('a commit that a frame told needs no notice, and the one behind it gets its own', () =>
    withReplica(async (stage) => {
      const { session, told, commit } = follow(stage);
      const after = (ms: number): Promise<void> =>
        new Promise((resolve) => {
          stage.clock.after(ms, resolve);
        });
      commit(1);
      session.tick(0);
      commit(2);
      await after(COMMIT_NOTICE_MS);
      expect(told).toEqual([1]);
      await after(COMMIT_NOTICE_MS);

      expect(told).toEqual([1, 2]);
    }));

  test('an idle session sends a heartbeat as often as it has to, and counts its silence in ticks', () =>
    withReplica(async (stage) => {
      const { session, told, ack } = follow(stage);
      for (let tick = 1; tick <= 8; tick += 1) {
        await new Promise((resolve) => void stage.clock.after(TICK_MS, () => resolve(undefined)));
        session.tick(4 * TICK_MS);
      }
      expect(told).toHaveLength(2);
      expect(session.silentMs).toBe(8 * TICK_MS);

      ack();

      expect(session.silentMs).toBe(0);
    }));
});
