/** Messages of each kind that nodes send each other outside of a session, and the first ones inside of it. */
import type { NodeStatus } from '../node/api/api.ts';
import { configHash } from '../protocol/config-hash.ts';
import type { ControlMessage, Hello, Message } from '../protocol/messages.ts';

const ID = 'a'.repeat(32);

/** Returns the messages that a node of this id, at the position of `like`, would send to its peers; first a hello. */
export function messagesOf(like: NodeStatus, nodeId: string, run: string): readonly Message[] {
  const { epoch, clusterId, durable: at, committedLsn: commitLsn } = like;
  const hello = helloOf(like, nodeId, run);
  const digest = 'd'.repeat(64);
  const bytes = Buffer.alloc(20);
  const first = { pieceIndex: 0, pieceCount: 1 };
  return [
    hello,
    { ...hello, clusterId: null, historyId: null, state: 'blank' },
    askOf(like, nodeId, run),
    { kind: 'fetch', protocol: 1, clusterId: clusterId ?? ID, after: at, pieceIndex: 0 },
    { kind: 'identify' },
    answerOf(like),
    { kind: 'probe', epoch, number: 1 },
    { kind: 'intact', epoch, at },
    { kind: 'hand-over', epoch, at },
    { kind: 'offer', epoch, digest, bytes: 100, endLsn: 1 },
    replyOf(like, nodeId, run),
    { kind: 'identity', nodeId, run, fence: epoch, last: at },
    { kind: 'frame', epoch, commitLsn, previous: at, ...first, bytes },
    { kind: 'piece', epoch, offset: 0, bytes },
  ];
}

function configOf({ voters, quorum }: NodeStatus): { voters: string[]; quorum: number } {
  return { voters: voters.map((voter) => voter.nodeId), quorum };
}

function hashOf(like: NodeStatus): ReturnType<typeof configHash> {
  const { voters, quorum } = configOf(like);
  return configHash(voters, quorum);
}

function helloOf(like: NodeStatus, nodeId: string, run: string): Hello {
  const { epoch, clusterId, historyId, durable: last, committedLsn: commitLsn } = like;
  return {
    kind: 'hello',
    protocol: 1,
    clusterId,
    historyId,
    nodeId,
    run,
    epochs: [{ epoch: last.epoch, leader: 'n1', firstLsn: 1 }],
    epochsBefore: 0,
    last,
    commitLsn,
    lowestCutLsn: 0,
    promise: { epoch, candidate: null, attempt: null },
    state: 'intact',
    configHash: hashOf(like),
    discard: false,
  };
}

function askOf(like: NodeStatus, nodeId: string, run: string): ControlMessage {
  const { epoch, durable: last } = like;
  return {
    kind: 'ask',
    protocol: 1,
    round: 'real',
    epoch: epoch + 1,
    candidate: nodeId,
    run,
    attempt: ID,
    position: last,
    clusterId: null,
    historyId: null,
    configHash: hashOf(like),
    operator: true,
    forced: null,
  };
}

function answerOf(like: NodeStatus): ControlMessage {
  const { epoch, clusterId, historyId, durable: at, committedLsn: commitLsn } = like;
  return {
    kind: 'answer',
    verdict: 'continue',
    code: 'OK',
    message: '',
    epoch,
    leader: 'n3',
    clusterId,
    historyId,
    at,
    commitLsn,
    config: configOf(like),
  };
}

function replyOf(like: NodeStatus, nodeId: string, run: string): ControlMessage {
  const { epoch, clusterId, historyId, durable: at } = like;
  return {
    kind: 'reply',
    round: 'real',
    attempt: ID,
    nodeId,
    run,
    granted: true,
    code: 'OK',
    message: '',
    promise: { epoch, candidate: 'n1', attempt: ID },
    birth: { epoch, candidate: 'n1', attempt: ID },
    position: at,
    state: 'intact',
    claim: { epoch, lsn: 1 },
    clusterId,
    historyId,
    leader: null,
  };
}
