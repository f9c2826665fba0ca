/**
 * Goal: a follower writes, cuts and acknowledges nothing for an epoch that it has not promised, acknowledges nothing that is not
 * durable, and shows nothing that its leader does not have.
 * Method: a real log on a simulated disk, and a link whose other end is the test.
 */
import { describe, expect, test } from 'vitest';
import { FollowerSession } from '../../src/follower/follower.ts';
import type { FollowerHost } from '../../src/follower/host.ts';
import type { Link, LinkHandlers } from '../../src/ports/link.ts';
import { decodeMessage, encodeMessage } from '../../src/protocol/codec.ts';
import type { Ack, Answer, Hello } from '../../src/protocol/messages.ts';
import { framesOf } from '../../src/protocol/pieces.ts';
import type { Replica } from '../../src/node/replica/replica.ts';
import { checkFollowerWrite } from '../../src/wal/write/follower-write.ts';
import type { Position } from '../../src/wal/format/position.ts';
import { append, ID, withReplica } from '../node/replica-fixture.ts';
import type { Stage } from '../node/replica-fixture.ts';

interface Following {
  readonly run: Promise<unknown>;
  readonly session: FollowerSession;
  readonly say: (bytes: Buffer) => void;
  /** Acks so far, with the promise that was durable and the end of the log when each left. */
  readonly acks: readonly { ack: Ack; promised: number; durableLsn: number }[];
  readonly alarms: readonly string[];
  /** Why it closed the link, and the end of the log then. */
  readonly closes: readonly { reason: string; durableLsn: number }[];
}

function follow({ replica, clock }: Stage, changes: Partial<FollowerHost> = {}): Following {
  const acks: { ack: Ack; promised: number; durableLsn: number }[] = [];
  const alarms: string[] = [];
  const closes: { reason: string; durableLsn: number }[] = [];
  const seen: { handlers?: LinkHandlers } = {};
  const link: Link = {
    peer: 'n2',
    bufferedBytes: 0,
    send: (bytes) => {
      const decoded = decodeMessage(bytes);
      if (decoded.kind !== 'message' || decoded.message.kind !== 'ack') return;
      const { log, meta } = replica;
      const promised = meta.current.promise.epoch;
      const durableLsn = log.durable.lsn;
      acks.push({ ack: decoded.message, promised, durableLsn });
    },
    receive: (handlers) => {
      seen.handlers = handlers;
    },
    close: (reason) => closes.push({ reason, durableLsn: replica.log.durable.lsn }),
  };
  const host = { ...hostOf(replica, (code) => alarms.push(code)), ...changes };
  const session = new FollowerSession({ ...host, clock }, link, 1_000);
  const run = session.run(helloOf(replica));
  return { run, session, acks, alarms, closes, say: (bytes) => seen.handlers?.onMessage(bytes) };
}

function hostOf(replica: Replica, alarm: (code: string) => void): Omit<FollowerHost, 'clock'> {
  return {
    log: replica.log,
    turns: replica.place.turns,
    // Lower than any epoch here, and never in the way.
    fence: 0,
    committedLsn: 0,
    appliedLsn: 0,
    state: 'intact',
    discarding: false,
    enter: () => Promise.resolve(undefined),
    promiseToFollow: (epoch) => replica.promiseToFollow(epoch),
    openSnapshot: () => Promise.reject(new Error('it has a log')),
    begin: () => Promise.reject(new Error('it has a log')),
    setMatched: (lsn) => replica.setMatched(lsn),
    learnCommitted: (lsn) => replica.learnCommitted(lsn),
    saveState: () => Promise.resolve(),
    durableMoved: () => replica.durableMoved(),
    localAcksAbove: () => 'unknown',
    cut: () => undefined,
    following: () => undefined,
    takeOver: () => Promise.resolve(undefined),
    alarm,
    info: () => undefined,
  };
}

function helloOf({ log }: Replica): Hello {
  return {
    kind: 'hello',
    protocol: 1,
    clusterId: ID,
    historyId: ID,
    nodeId: 'n1',
    run: ID,
    epochs: log.epochs,
    epochsBefore: 0,
    last: log.durable,
    commitLsn: 0,
    lowestCutLsn: 0,
    promise: { epoch: 1, candidate: null, attempt: null },
    state: 'intact',
    configHash: ID,
    discard: false,
  };
}

/** n2 leads epoch 2, and wants this node to go on from `at`. */
function answer(verdict: Answer['verdict'], at: Position): Buffer {
  const names = { leader: 'n2', clusterId: ID, historyId: ID };
  const words = { code: 'OK', message: '' };
  return encodeMessage({
    kind: 'answer',
    verdict,
    ...words,
    epoch: 2,
    ...names,
    at,
    commitLsn: 0,
    config: null,
  });
}

function frames(bytes: Buffer, previous: Position, commitLsn: number): readonly Buffer[] {
  return [...framesOf({ bytes, previous }, { epoch: 2, commitLsn })].map((frame) =>
    encodeMessage(frame),
  );
}

/** Two batches of epoch 2 behind `at`, as their leader has them. */
async function epochTwo(): Promise<{ readonly at: Position; readonly bytes: Buffer }> {
  const found: { at: Position; bytes: Buffer }[] = [];
  await withReplica(async ({ replica }) => {
    const { log } = replica;
    const at = log.durable;
    log.stopLeading();
    const entry = { epoch: 2, leader: 'n2', historyId: ID, voters: ['n1', 'n2', 'n3'], quorum: 2 };
    log.lead(entry, () => ({ commitLsn: 0, wallMs: 2 }));
    await log.drained();
    append(replica);
    await log.drained();
    const chunk = await log.chunkAfter(at.lsn, 1_000_000);
    if (chunk !== undefined) found.push({ at, bytes: chunk.bytes });
  });
  const [result] = found;
  if (result === undefined) throw new Error('nothing was written');
  return result;
}

describe('a follower', () => {
  test('has a durable promise of the epoch before it acknowledges anything in it', () =>
    withReplica(async (stage) => {
      stage.replica.log.stopLeading();
      const { run, session, acks, say } = follow(stage);
      say(answer('continue', stage.replica.log.durable));
      await stage.world.pass(100);
      session.close('over');
      await run;

      expect(acks.map(({ promised }) => promised)).toEqual([2]);
    }));

  test('has a durable promise of the epoch before it cuts anything for it', () =>
    withReplica(async (stage) => {
      const { replica } = stage;
      const fork = replica.log.durable;
      append(replica);
      await replica.log.drained();
      replica.log.stopLeading();
      const promised: number[] = [];
      stage.disk.onOperation = ({ path }) => {
        if (path.includes('/saved')) promised.push(replica.meta.current.promise.epoch);
        return undefined;
      };
      const { run, session, say } = follow(stage);
      say(answer('truncate', fork));
      await stage.world.pass(100);
      session.close('over');
      await run;

      expect(replica.log.durable).toEqual(fork);
      expect(new Set(promised)).toEqual(new Set([2]));
    }));

  test('acknowledges what is durable, and not what is being written', async () => {
    const { at, bytes } = await epochTwo();
    await withReplica(async (stage) => {
      const { log } = stage.replica;
      log.stopLeading();
      const { run, session, acks, say } = follow(stage);
      say(answer('continue', at));
      for (const frame of frames(bytes, at, 0)) say(frame);
      await stage.world.pass(100);
      session.close('over');
      await run;

      expect(acks.map(({ ack }) => ack.durableLsn)).toEqual([1, 3]);
      for (const { ack, durableLsn } of acks) expect(ack.durableLsn).toBe(durableLsn);
    });
  });

  test('refuses what is damaged while its disk still writes what came before, which stays', async () => {
    const { at, bytes } = await epochTwo();
    const [first] = checkFollowerWrite(at, bytes);
    if (first === undefined) throw new Error('no batch');
    const damaged = Buffer.from(bytes.subarray(first.end));
    damaged[20] = (damaged[20] ?? 0) ^ 1;
    await withReplica(async (stage) => {
      const { log } = stage.replica;
      log.stopLeading();
      const { run, acks, closes, say } = follow(stage);
      say(answer('continue', at));
      await stage.world.pass(100);
      for (const frame of frames(bytes.subarray(0, first.end), at, 0)) say(frame);
      for (const frame of frames(damaged, first.last, 0)) say(frame);

      await expect(run).resolves.toMatchObject({ code: 'WAL_CORRUPT' });
      expect(closes).toEqual([
        { reason: expect.stringContaining('WAL_CORRUPT'), durableLsn: at.lsn },
      ]);
      expect(log.durable).toEqual(first.last);
      expect(new Set(acks.map(({ ack }) => ack.durableLsn))).toEqual(new Set([at.lsn]));
    });
  });

  test('cuts nothing that it knows to be committed, stops and raises an alarm', () =>
    withReplica(async (stage) => {
      const { replica } = stage;
      const fork = replica.log.durable;
      append(replica);
      await replica.log.drained();
      const end = replica.log.durable;
      replica.log.stopLeading();
      const { run, acks, alarms, say } = follow(stage, { committedLsn: end.lsn });
      say(answer('truncate', fork));

      await expect(run).resolves.toMatchObject({
        message: expect.stringContaining('are committed'),
      });
      expect(alarms).toHaveLength(1);
      expect(replica.log.durable).toEqual(end);
      expect(acks).toEqual([]);
    }));

  test('applies nothing of a tail that is about to be cut, whatever is committed elsewhere', () =>
    withReplica(async (stage) => {
      const { replica } = stage;
      const fork = replica.log.durable;
      append(replica);
      await replica.log.drained();
      replica.log.stopLeading();
      const { run, session, say, alarms } = follow(stage);
      say(answer('truncate', fork));
      for (const frame of frames(Buffer.alloc(0), fork, 2)) say(frame);
      await stage.world.pass(100);
      session.close('over');
      await run;

      expect(alarms).toEqual([]);
      expect(replica.log.durable).toEqual(fork);
      expect(replica.appliedLsn).toBeLessThanOrEqual(fork.lsn);
      expect(replica.store.count).toBe(0);
    }));
});
