/**
 * Goal: an answer proves what was asked before it was given, and nothing that was asked later.
 * Method: a leader with a real log, and followers whose every message is the test's.
 */
import { expect, test } from 'vitest';
import type { Leader } from '../../src/leader/leader.ts';
import type { Link, LinkHandlers } from '../../src/ports/link.ts';
import { decodeMessage, encodeMessage } from '../../src/protocol/codec.ts';
import type { ControlMessage, Hello, Identity } from '../../src/protocol/messages.ts';
import { leaderOf } from '../node/leader-fixture.ts';
import { ID, withReplica } from '../node/replica-fixture.ts';
import type { Stage } from '../node/replica-fixture.ts';
import type { VoterState } from '../../src/wal/format/voter-state.ts';

const VOTERS = ['n1', 'n2', 'n3'];

/** The process in session is the one that answers at the voter's address. */
const identityAt = (nodeId: string): Promise<Identity> =>
  Promise.resolve({ kind: 'identity', nodeId, run: ID, fence: 0, last: { epoch: 0, lsn: 0 } });

interface Follower {
  /** What the leader said, but for frames. */
  readonly heard: readonly string[];
  readonly say: (message: ControlMessage) => void;
}

/** n1 leads, and has committed its own EPOCH record. */
function leading({ replica, clock }: Stage): Leader {
  replica.setMatched(1);
  replica.learnCommitted(1);
  const shape = { voters: VOTERS, quorum: 2, proofVoters: 2 };
  return leaderOf(replica, clock, {
    ...shape,
    hooks: { identityAt, commit: () => undefined },
  });
}

async function join(
  { replica, world }: Stage,
  leader: Leader,
  { nodeId, state }: { readonly nodeId: string; readonly state: VoterState },
): Promise<Follower> {
  const { log } = replica;
  const heard: string[] = [];
  const seen: { handlers?: LinkHandlers } = {};
  const link: Link = {
    peer: nodeId,
    bufferedBytes: 0,
    send: (bytes, sent) => {
      const decoded = decodeMessage(bytes);
      if (decoded.kind === 'message' && decoded.message.kind !== 'frame') {
        const { kind } = decoded.message;
        heard.push(kind === 'probe' ? `probe ${decoded.message.number}` : kind);
      }
      sent?.();
    },
    receive: (handlers) => {
      seen.handlers = handlers;
    },
    close: () => undefined,
  };
  const hello: Hello = {
    kind: 'hello',
    protocol: 1,
    clusterId: ID,
    historyId: ID,
    nodeId,
    run: ID,
    epochs: log.epochs,
    epochsBefore: 0,
    last: log.durable,
    commitLsn: 0,
    lowestCutLsn: 0,
    promise: { epoch: 1, candidate: null, attempt: null },
    state,
    configHash: ID,
    discard: false,
  };
  await leader.accept(link, hello);
  await world.pass(1);
  return { heard, say: (message) => seen.handlers?.onMessage(encodeMessage(message)) };
}

const answered = (number: number): ControlMessage => ({ kind: 'probed', epoch: 1, number });

test('a proof needs an answer to a probe that was sent after it was asked for', () =>
  withReplica(async (stage) => {
    const { world } = stage;
    const leader = leading(stage);
    const follower = await join(stage, leader, { nodeId: 'n2', state: 'intact' });
    const proven: string[] = [];
    const prove = (name: string): void => {
      leader.prove(10_000).then(
        () => proven.push(name),
        () => undefined,
      );
    };
    prove('first');
    await world.pass(1);
    expect(follower.heard.at(-1)).toBe('probe 1');
    prove('second');
    await world.pass(1);
    expect(proven).toEqual([]);

    follower.say(answered(1));
    await world.pass(1);
    expect(proven).toEqual(['first']);
    expect(follower.heard.at(-1)).toBe('probe 2');
    follower.say(answered(2));
    await world.pass(1);

    expect(proven).toEqual(['first', 'second']);
    leader.end({ code: 'NODE_CLOSED', message: 'the test is over' });
  }));

test('a suspect voter is told to be intact after others answered a probe that was sent after its hello', () =>
  withReplica(async (stage) => {
    const { world, replica } = stage;
    const leader = leading(stage);
    const other = await join(stage, leader, { nodeId: 'n2', state: 'intact' });
    leader.prove(10_000).catch(() => undefined);
    await world.pass(1);
    expect(other.heard.at(-1)).toBe('probe 1');
    const suspect = await join(stage, leader, { nodeId: 'n3', state: 'suspect' });
    const { lsn, chain } = replica.log.durable;
    const lsns = { durableLsn: lsn, receivedLsn: lsn, appliedLsn: 0, writable: true };
    suspect.say({ kind: 'ack', epoch: 1, chain, ...lsns });

    other.say(answered(1));
    await world.pass(1);
    expect(other.heard.at(-1)).toBe('probe 2');
    expect(suspect.heard).not.toContain('intact');
    other.say(answered(2));
    await world.pass(1);

    expect(suspect.heard).toContain('intact');
    leader.end({ code: 'NODE_CLOSED', message: 'the test is over' });
  }));
