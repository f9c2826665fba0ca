/**
 * Goal: what a leader answers to a hello holds for the log that it has when it answers.
 * Method: a real log on a simulated disk, opened anew so that nothing of it is in memory; it is purged while the leader reads it.
 */
import { expect, test } from 'vitest';
import type { Link, LinkHandlers } from '../../src/ports/link.ts';
import { decodeMessage, encodeMessage } from '../../src/protocol/codec.ts';
import type { ControlMessage, Hello } from '../../src/protocol/messages.ts';
import type { Position } from '../../src/wal/format/position.ts';
import { OP } from '../../src/wal/format/record.ts';
import type { SnapshotSource } from '../../src/leader/snapshot-sender.ts';
import { LastSeen } from '../../src/node/role/last-seen.ts';
import { leaderOf } from '../node/leader-fixture.ts';
import { ID, withReplica } from '../node/replica-fixture.ts';
import type { Stage } from '../node/replica-fixture.ts';

const BEHIND_LSN = 5;

interface Answered {
  readonly verdict: string;
  readonly code: string;
  readonly warnings: readonly string[];
}

/** A learner that is far behind says hello to a leader whose log is purged up to `purgeLsn` meanwhile. */
async function askDuringPurge(
  stage: Stage,
  purgeLsn: number,
  offered: 'a snapshot' | 'nothing',
): Promise<Answered> {
  for (let count = 0; count < 40; count += 1) {
    const value = Buffer.alloc(1_000);
    stage.replica.log.append([{ op: OP.PUT, key: Buffer.from('k'), value }]);
    await stage.replica.log.drained();
  }
  const last = await stage.replica.log.chainAt(BEHIND_LSN);
  const end = stage.replica.log.durable;
  if (last === undefined) throw new Error('each record is a batch of its own');
  await stage.replica.close();
  const replica = await stage.reopen();
  const { log } = replica;
  const entry = { epoch: 2, leader: 'n1', historyId: ID, voters: ['n1'], quorum: 1 };
  log.lead(entry, () => ({ commitLsn: 0, wallMs: 1 }));
  await log.drained();
  const warnings: string[] = [];
  const offer = offered === 'nothing' ? undefined : snapshotAt(end);
  const leader = leaderOf(replica, stage.clock, {
    hooks: {
      warn: (code) => void warnings.push(code),
      fault: ({ code }) => void warnings.push(code),
      offer: () => Promise.resolve(offer),
    },
  });
  const { link, said } = linkOfTest();
  const hello = helloOf(last);

  const accepted = leader.accept(link, hello);
  const purged = log.purge(purgeLsn);
  await Promise.all([accepted, purged]);

  const answer = said().find(({ kind }) => kind === 'answer');
  if (answer?.kind !== 'answer') throw new Error('a hello is answered');
  leader.end({ code: 'NODE_CLOSED', message: 'the test is over' });
  return { verdict: answer.verdict, code: answer.code, warnings };
}

function helloOf(last: Position): Hello {
  return {
    kind: 'hello',
    protocol: 1,
    clusterId: ID,
    historyId: ID,
    nodeId: 'learner',
    run: ID,
    epochs: [{ epoch: 1, leader: 'n1', firstLsn: 1 }],
    epochsBefore: 0,
    last,
    commitLsn: 0,
    lowestCutLsn: 0,
    promise: { epoch: 1, candidate: null, attempt: null },
    state: 'intact',
    configHash: ID,
    discard: false,
  };
}

function snapshotAt(start: Position): SnapshotSource {
  const open = () => Promise.resolve({ read: async () => 0, close: async () => undefined });
  const digest = '0'.repeat(64);
  return { path: '/data/snapshots/1', start, endLsn: start.lsn, digest, bytes: 1, open };
}

function linkOfTest() {
  const messages: Buffer[] = [];
  const ends: { handlers?: LinkHandlers } = {};
  const link: Link = {
    peer: 'learner',
    bufferedBytes: 0,
    send: (message, sent) => {
      messages.push(Buffer.from(message));
      sent?.();
    },
    receive: (handlers) => {
      ends.handlers = handlers;
    },
    close: () => undefined,
  };
  const said = () =>
    messages.flatMap((bytes) => {
      const decoded = decodeMessage(bytes);
      return decoded.kind === 'message' ? [decoded.message] : [];
    });
  const say = (message: ControlMessage) => ends.handlers?.onMessage(encodeMessage(message));
  const leave = () => ends.handlers?.onClose('it left');
  return { link, said, say, leave };
}

test('a hello whose place was not purged goes on from there', () =>
  withReplica(async (stage) => {
    const answered = await askDuringPurge(stage, 1, 'nothing');

    expect(answered).toEqual({ verdict: 'continue', code: 'OK', warnings: [] });
  }));

test('a purge during a hello is no damage: the follower gets a snapshot', () =>
  withReplica(async (stage) => {
    const answered = await askDuringPurge(stage, 30, 'a snapshot');

    expect(answered).toEqual({ verdict: 'snapshot', code: 'PURGED', warnings: ['SNAPSHOT'] });
  }));

test('a purge during a hello raises no alarm where no snapshot is to be had', () =>
  withReplica(async (stage) => {
    const answered = await askDuringPurge(stage, 30, 'nothing');

    expect(answered).toEqual({ verdict: 'refuse', code: 'PURGED', warnings: [] });
  }));

test('learners that come and go leave nothing behind at the leader', () =>
  withReplica(async ({ replica, clock }) => {
    const { log } = replica;
    const leader = leaderOf(replica, clock, { voters: ['n1', 'n2'] });
    const lastSeen = new LastSeen();
    const { lsn, epoch, chain } = log.durable;
    const at = { durableLsn: lsn, chain, receivedLsn: lsn, appliedLsn: lsn };
    const progress = { ...at, writable: true };
    for (const nodeId of ['n2', ...Array.from({ length: 20 }, (_, life) => `learner-${life}`)]) {
      const { link, say, leave } = linkOfTest();
      await leader.accept(link, {
        ...helloOf(log.durable),
        nodeId,
        epochs: [{ epoch: 1, leader: 'n1', firstLsn: 1 }],
      });
      say({ kind: 'ack', epoch, ...progress });
      expect(leader.sessions.map((session) => session.durableLsn)).toContain(lsn);
      lastSeen.note(leader);
      leave();
      lastSeen.note(leader);
    }

    expect([...leader.gone.keys()]).toEqual(['n2']);
    expect([...lastSeen.positions.keys()]).toEqual(['n2']);
    leader.end({ code: 'NODE_CLOSED', message: 'the test is over' });
  }));

test('the link of a voter is kept, and that of a learner is not', () =>
  withReplica(async ({ replica, clock }) => {
    const leader = leaderOf(replica, clock, { voters: ['n1', 'n2'] });
    const kept: string[] = [];
    for (const nodeId of ['n2', 'learner']) {
      const { link } = linkOfTest();
      await leader.accept(
        { ...link, keep: () => kept.push(nodeId) },
        {
          ...helloOf(replica.log.durable),
          nodeId,
          epochs: [{ epoch: 1, leader: 'n1', firstLsn: 1 }],
        },
      );
    }

    expect(kept).toEqual(['n2']);
    leader.end({ code: 'NODE_CLOSED', message: 'the test is over' });
  }));
