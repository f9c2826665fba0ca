import type { Position } from '../wal/format/position.ts';
import type { Answer, Ask, AskReply, ControlMessage, Hello, VotersAndQuorum } from './messages.ts';
import { MESSAGE_CHARS_MAX } from './limits.ts';
import type { Claim, EpochPromise } from '../wal/format/voter-state.ts';

/**
 * A control message is an array: its tag, then its fields in a fixed order. `docs/protocol.md` has the table.
 *
 * In `hello`, `ask` and `fetch`, which open a link, the protocol version is the second element. These tags and that place
 * stay as they are in every version, so that a node of another version is refused by name instead of by a parse error.
 */
export const TAGS = {
  hello: 1,
  answer: 2,
  ack: 3,
  probe: 4,
  probed: 5,
  intact: 6,
  'is-intact': 7,
  ask: 8,
  reply: 9,
  identify: 10,
  identity: 11,
  'hand-over': 12,
  declined: 13,
  offer: 14,
  want: 15,
  got: 16,
  fetch: 17,
} as const satisfies Record<ControlMessage['kind'], number>;

/** Names that travel as their index. */
export const VERDICTS = ['continue', 'truncate', 'snapshot', 'refuse'] as const;
export const STATES = ['intact', 'suspect', 'blank'] as const;
export const ROUNDS = ['dry', 'real', 'confirm'] as const;

/** Turns a message into its array. A sentence that is too long is cut. */
export function toFields(message: ControlMessage): unknown[] {
  return [TAGS[message.kind], ...bodyFields(message)];
}

function bodyFields(message: ControlMessage): unknown[] {
  switch (message.kind) {
    case 'hello':
      return helloFields(message);
    case 'answer':
      return answerFields(message);
    case 'ack': {
      const { epoch, durableLsn, chain, receivedLsn, appliedLsn, writable } = message;
      return [epoch, durableLsn, chain, receivedLsn, appliedLsn, writable];
    }
    case 'probe':
    case 'probed':
      return [message.epoch, message.number];
    case 'intact':
    case 'hand-over':
      return [message.epoch, ...positionFields(message.at)];
    case 'is-intact':
      return [message.epoch];
    case 'declined':
      return [message.epoch, message.code, sentence(message.message)];
    case 'offer':
      return [message.epoch, message.digest, message.bytes, message.endLsn];
    case 'want':
      return [message.epoch, message.digest, message.offset];
    case 'got':
      return [message.epoch, message.offset];
    case 'ask':
      return askFields(message);
    case 'reply':
      return replyFields(message);
    case 'fetch': {
      const { protocol, clusterId, after, pieceIndex } = message;
      return [protocol, clusterId, ...positionFields(after), pieceIndex];
    }
    case 'identify':
      return [];
    case 'identity':
      return [message.nodeId, message.run, message.fence, message.last.epoch, message.last.lsn];
    default:
      return unreachable(message);
  }
}

function unreachable(message: never): never {
  throw new Error(`a message without a form: ${JSON.stringify(message)}`);
}

function helloFields(hello: Hello): unknown[] {
  return [
    hello.protocol,
    hello.clusterId,
    hello.historyId,
    hello.nodeId,
    hello.run,
    hello.epochs.map(({ epoch, leader, firstLsn }) => [epoch, leader, firstLsn]),
    hello.epochsBefore,
    ...positionFields(hello.last),
    hello.commitLsn,
    hello.lowestCutLsn,
    hello.promise.epoch,
    hello.promise.candidate,
    hello.promise.attempt,
    STATES.indexOf(hello.state),
    hello.configHash,
    hello.discard,
  ];
}

function answerFields(answer: Answer): unknown[] {
  return [
    VERDICTS.indexOf(answer.verdict),
    answer.code,
    sentence(answer.message),
    answer.epoch,
    answer.leader,
    answer.clusterId,
    answer.historyId,
    ...positionFields(answer.at),
    answer.commitLsn,
    configField(answer.config),
  ];
}

function askFields(ask: Ask): unknown[] {
  return [
    ask.protocol,
    ROUNDS.indexOf(ask.round),
    ask.epoch,
    ask.candidate,
    ask.run,
    ask.attempt,
    ...positionFields(ask.position),
    ask.clusterId,
    ask.historyId,
    ask.configHash,
    ask.operator,
    configField(ask.forced),
  ];
}

function replyFields(reply: AskReply): unknown[] {
  return [
    ROUNDS.indexOf(reply.round),
    reply.attempt,
    reply.nodeId,
    reply.run,
    reply.granted,
    reply.code,
    sentence(reply.message),
    reply.promise.epoch,
    reply.promise.candidate,
    reply.promise.attempt,
    birthField(reply.birth),
    ...positionFields(reply.position),
    STATES.indexOf(reply.state),
    claimField(reply.claim),
    reply.clusterId,
    reply.historyId,
    reply.leader,
  ];
}

function configField(config: VotersAndQuorum | null): unknown {
  return config === null ? null : [config.voters, config.quorum];
}

function positionFields({ epoch, lsn, chain }: Position): unknown[] {
  return [epoch, lsn, chain];
}

function birthField(birth: EpochPromise | null): unknown {
  return birth === null ? null : [birth.epoch, birth.candidate, birth.attempt];
}

function claimField(claim: Claim): unknown {
  if (claim === null || claim === 'unknown') return claim;
  return [claim.epoch, claim.lsn];
}

// Text for display: a shortened sentence is better than a refused message. A cut may split a pair of surrogates.
function sentence(text: string): string {
  return text.slice(0, MESSAGE_CHARS_MAX).toWellFormed();
}
