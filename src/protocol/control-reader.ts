import { VOTERS_MAX } from '../wal/format/epoch-record.ts';
import {
  CODE_CHARS_MAX,
  DIGEST_CHARS,
  MESSAGE_CHARS_MAX,
  NODE_ID_CHARS_MAX,
  PIECES_MAX,
} from './limits.ts';
import { HISTORY_ENTRIES_MAX, PROTOCOL_VERSION } from './messages.ts';
import type {
  Answer,
  Ask,
  AskReply,
  ControlMessage,
  Hello,
  HistoryEntry,
  Identity,
  VotersAndQuorum,
} from './messages.ts';
import { ROUNDS, STATES, TAGS, VERDICTS } from './control-fields.ts';
import { FieldReader } from './field-reader.ts';
import type { Claim, EpochPromise } from '../wal/format/voter-state.ts';

export type DecodedControl =
  | { readonly kind: 'message'; readonly message: ControlMessage }
  /** A hello, ask or fetch of another protocol version; nothing else in it was read. */
  | { readonly kind: 'version'; readonly theirs: number }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Checks the shape and the range of every field of a decoded array. Never throws, whatever `value` is. */
export function fromFields(value: unknown): DecodedControl {
  if (!Array.isArray(value)) return invalid('a control message is an array');
  const reader = new FieldReader(value);
  const tag = reader.integer('tag');
  if (tag === TAGS.hello || tag === TAGS.ask || tag === TAGS.fetch) {
    const protocol = reader.integer('protocol');
    if (reader.problem === undefined && protocol !== PROTOCOL_VERSION) {
      return { kind: 'version', theirs: protocol };
    }
  }
  const message = readMessage(tag, reader);
  if (message === undefined) return invalid(reader.problem ?? `unknown message tag ${tag}`);
  const problem = reader.finish();
  return problem === undefined
    ? { kind: 'message', message }
    : invalid(`${message.kind}: ${problem}`);
}

function readMessage(tag: number, reader: FieldReader): ControlMessage | undefined {
  switch (tag) {
    case TAGS.hello:
      return readHello(reader);
    case TAGS.answer:
      return readAnswer(reader);
    case TAGS.ack:
      return {
        kind: 'ack',
        epoch: reader.epoch('epoch'),
        durableLsn: reader.lsn('durableLsn'),
        chain: reader.chain('chain'),
        receivedLsn: reader.lsn('receivedLsn'),
        appliedLsn: reader.lsn('appliedLsn'),
        writable: reader.boolean('writable'),
      };
    case TAGS.probe:
      return { kind: 'probe', epoch: reader.epoch('epoch'), number: reader.integer('number') };
    case TAGS.probed:
      return { kind: 'probed', epoch: reader.epoch('epoch'), number: reader.integer('number') };
    case TAGS.intact:
      return { kind: 'intact', epoch: reader.epoch('epoch'), at: reader.position('at') };
    case TAGS['is-intact']:
      return { kind: 'is-intact', epoch: reader.epoch('epoch') };
    case TAGS['hand-over']:
      return { kind: 'hand-over', epoch: reader.epoch('epoch'), at: reader.position('at') };
    case TAGS.declined:
      return {
        kind: 'declined',
        epoch: reader.epoch('epoch'),
        code: reader.text('code', CODE_CHARS_MAX, 0),
        message: reader.text('message', MESSAGE_CHARS_MAX, 0),
      };
    case TAGS.offer:
      return {
        kind: 'offer',
        epoch: reader.epoch('epoch'),
        digest: readDigest(reader),
        bytes: reader.integer('bytes'),
        endLsn: reader.lsn('endLsn'),
      };
    case TAGS.want:
      return {
        kind: 'want',
        epoch: reader.epoch('epoch'),
        digest: readDigest(reader),
        offset: reader.integer('offset'),
      };
    case TAGS.got:
      return { kind: 'got', epoch: reader.epoch('epoch'), offset: reader.integer('offset') };
    case TAGS.ask:
      return readAsk(reader);
    case TAGS.reply:
      return readReply(reader);
    case TAGS.fetch:
      return {
        kind: 'fetch',
        protocol: PROTOCOL_VERSION,
        clusterId: reader.id('clusterId'),
        after: reader.position('after'),
        pieceIndex: reader.integer('pieceIndex', PIECES_MAX - 1),
      };
    case TAGS.identify:
      return { kind: 'identify' };
    case TAGS.identity:
      return readIdentity(reader);
    default:
      return undefined;
  }
}

// The protocol version was read already. Object literals are evaluated in the order written, which is the wire order.
function readHello(reader: FieldReader): Hello {
  return {
    kind: 'hello',
    protocol: PROTOCOL_VERSION,
    clusterId: reader.idOrNull('clusterId'),
    historyId: reader.idOrNull('historyId'),
    nodeId: readNodeId(reader, 'nodeId'),
    run: reader.id('run'),
    epochs: readHistory(reader),
    epochsBefore: reader.integer('epochsBefore'),
    last: reader.position('last'),
    commitLsn: reader.lsn('commitLsn'),
    lowestCutLsn: reader.lsn('lowestCutLsn'),
    promise: readPromise(reader),
    state: reader.choice('state', STATES),
    configHash: reader.id('configHash'),
    discard: reader.boolean('discard'),
  };
}

function readAnswer(reader: FieldReader): Answer {
  return {
    kind: 'answer',
    verdict: reader.choice('verdict', VERDICTS),
    code: reader.text('code', CODE_CHARS_MAX, 0),
    message: reader.text('message', MESSAGE_CHARS_MAX, 0),
    epoch: reader.epoch('epoch'),
    leader: reader.textOrNull('leader', NODE_ID_CHARS_MAX),
    clusterId: reader.idOrNull('clusterId'),
    historyId: reader.idOrNull('historyId'),
    at: reader.position('at'),
    commitLsn: reader.lsn('commitLsn'),
    config: readConfig(reader, 'config'),
  };
}

function readAsk(reader: FieldReader): Ask {
  return {
    kind: 'ask',
    protocol: PROTOCOL_VERSION,
    round: reader.choice('round', ROUNDS),
    epoch: reader.epoch('epoch'),
    candidate: readNodeId(reader, 'candidate'),
    run: reader.id('run'),
    attempt: reader.id('attempt'),
    position: reader.position('position'),
    clusterId: reader.idOrNull('clusterId'),
    historyId: reader.idOrNull('historyId'),
    configHash: reader.id('configHash'),
    operator: reader.boolean('operator'),
    forced: readConfig(reader, 'forced'),
  };
}

function readReply(reader: FieldReader): AskReply {
  return {
    kind: 'reply',
    round: reader.choice('round', ROUNDS),
    attempt: reader.id('attempt'),
    nodeId: readNodeId(reader, 'nodeId'),
    run: reader.id('run'),
    granted: reader.boolean('granted'),
    code: reader.text('code', CODE_CHARS_MAX, 0),
    message: reader.text('message', MESSAGE_CHARS_MAX, 0),
    promise: readPromise(reader),
    birth: readBirth(reader),
    position: reader.position('position'),
    state: reader.choice('state', STATES),
    claim: readClaim(reader),
    clusterId: reader.idOrNull('clusterId'),
    historyId: reader.idOrNull('historyId'),
    leader: reader.textOrNull('leader', NODE_ID_CHARS_MAX),
  };
}

function readIdentity(reader: FieldReader): Identity {
  return {
    kind: 'identity',
    nodeId: readNodeId(reader, 'nodeId'),
    run: reader.id('run'),
    fence: reader.epoch('fence'),
    last: { epoch: reader.epoch('last.epoch'), lsn: reader.lsn('last.lsn') },
  };
}

/** Reads a digest. Only hexadecimal digits are accepted, since it becomes part of a file name. */
function readDigest(reader: FieldReader): string {
  const digest = reader.text('digest', DIGEST_CHARS, DIGEST_CHARS);
  if (!/^[0-9a-f]*$/.test(digest)) reader.check('a digest that is not hexadecimal');
  return digest;
}

function readNodeId(reader: FieldReader, name: string): string {
  return reader.text(name, NODE_ID_CHARS_MAX);
}

function readPromise(reader: FieldReader): EpochPromise {
  return {
    epoch: reader.epoch('promise.epoch'),
    candidate: reader.textOrNull('promise.candidate', NODE_ID_CHARS_MAX),
    attempt: reader.idOrNull('promise.attempt'),
  };
}

function readBirth(reader: FieldReader): EpochPromise | null {
  if (reader.peek() === null) {
    reader.skip();
    return null;
  }
  const inner = new FieldReader(reader.array('birth', 3));
  const birth = readPromise(inner);
  reader.check(inner.finish());
  return birth;
}

function readConfig(reader: FieldReader, name: string): VotersAndQuorum | null {
  if (reader.peek() === null) {
    reader.skip();
    return null;
  }
  const inner = new FieldReader(reader.array(name, 2));
  const names = new FieldReader(inner.array(`${name}.voters`, VOTERS_MAX));
  const voters: string[] = [];
  while (names.peek() !== undefined) voters.push(readNodeId(names, `${name}.voters`));
  inner.check(names.finish());
  if (voters.length === 0 || new Set(voters).size !== voters.length) {
    inner.check(`${name}.voters are not 1 to ${VOTERS_MAX} distinct node ids`);
  }
  const quorum = inner.integer(`${name}.quorum`, Math.max(voters.length, 1));
  if (quorum === 0) inner.check(`${name}.quorum is 0`);
  reader.check(inner.finish());
  return { voters, quorum };
}

function readClaim(reader: FieldReader): Claim {
  const next = reader.peek();
  if (next === null || next === 'unknown') {
    reader.skip();
    return next;
  }
  const inner = new FieldReader(reader.array('claim', 2));
  const claim = { epoch: inner.epoch('claim.epoch'), lsn: inner.lsn('claim.lsn') };
  reader.check(inner.finish());
  return claim;
}

/** Reads a history. Epochs and first LSNs must grow: the search for a fork relies on that. */
function readHistory(reader: FieldReader): readonly HistoryEntry[] {
  const entries: HistoryEntry[] = [];
  let [epoch, firstLsn] = [0, 0];
  for (const element of reader.array('epochs', HISTORY_ENTRIES_MAX)) {
    const inner = new FieldReader(Array.isArray(element) ? element : []);
    const entry = {
      epoch: inner.epochOrNull('epochs.epoch'),
      leader: inner.textOrNull('epochs.leader', NODE_ID_CHARS_MAX),
      firstLsn: inner.lsn('epochs.firstLsn'),
    };
    reader.check(inner.finish());
    if ((entry.epoch ?? Infinity) <= epoch || entry.firstLsn <= firstLsn) {
      reader.check('epochs do not grow');
    }
    if (entry.epoch === null && entry.leader !== null) reader.check('a leader without an epoch');
    if (reader.problem !== undefined) return [];
    entries.push(entry);
    epoch = entry.epoch ?? epoch;
    ({ firstLsn } = entry);
  }
  return entries;
}

function invalid(reason: string): DecodedControl {
  return { kind: 'invalid', reason };
}
