import type { Clock } from '../../ports/clock.ts';
import type { Entropy } from '../../ports/entropy.ts';
import type { Ask, AskReply } from '../../protocol/messages.ts';
import { PROTOCOL_VERSION } from '../../protocol/messages.ts';
import { EPOCH_MAX } from '../../wal/format/limits.ts';
import { isWhole } from '../../wal/format/history-spans.ts';
import type { EpochSpan } from '../../wal/format/history-spans.ts';
import type { Position, Version } from '../../wal/format/position.ts';
import { askRound } from './ask-round.ts';
import { mayLead } from '../rules/may-lead.ts';
import type { Candidate, MayLead } from '../rules/may-lead.ts';
import type { Asked, Peer } from '../cluster/peers.ts';
import type { Replica } from '../replica/replica.ts';
import type { Voter } from './voter.ts';

/** Gap above all epochs seen for the next epoch where a voter answers blank: its promise is forgotten. */
export const BLANK_EPOCH_GAP = 1_000;

export interface AttemptOptions {
  readonly replica: Replica;
  readonly run: string;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly voter: Voter;
  /** All voters, this one included. */
  readonly voters: readonly Peer[];
  readonly quorum: number;
  readonly configHash: string;
  readonly operator: boolean;
  /** Asks another voter a question; never rejects. */
  readonly ask: (peer: Peer, question: Ask) => Promise<Asked>;
}

/** One voter's answer to an attempt that failed. */
export interface Refusal {
  readonly nodeId: string;
  readonly code: string;
}

export type AttemptResult =
  | {
      readonly kind: 'won';
      readonly epoch: number;
      readonly attempt: string;
      readonly how: 'promises' | 'all-answered' | 'birth';
      readonly promisedBy: readonly string[];
      readonly vouchedBy: readonly string[];
      /** Position of this node, when nothing could change it any longer. */
      readonly position: Position;
      /** Voters that did not answer in any round: their logs are unknown. */
      readonly unheard: readonly string[];
      /** True if every voter confirmed its promise to this attempt. */
      readonly allConfirmed: boolean;
      /** Identity of the cluster, where any voter knows one: an interrupted birth leaves an identity without a log. */
      readonly identity: { readonly clusterId: string; readonly historyId: string } | undefined;
    }
  | {
      readonly kind: 'lost';
      readonly code: string;
      readonly message: string;
      /** Each voter's answer, for display. */
      readonly answers: readonly string[];
      /** The same answers as codes: `OK` for a voter that agreed, PEER_UNREACHABLE for one that did not answer. */
      readonly refusals?: readonly Refusal[];
      /**
       * Version that this node held as a leader and has lost, as another voter shows: this node is suspect, and has
       * to save that before it answers anybody.
       */
      readonly lostData?: Version;
    };

/**
 * Attempts to become the leader: the same way for a birth, a restart, a promotion and a failover.
 *
 *   dry round (nothing is fenced)  →  real round (promises)  →  confirm round (those very promises still hold)
 *
 * After each round `mayLead` says whether the answers are enough. The dry round keeps a hopeless candidate from deposing
 * a leader; the confirm round keeps a voter that was wiped in between from being counted for a promise it no longer has.
 */
export async function stand(options: AttemptOptions): Promise<AttemptResult> {
  if (options.replica.rebuilding) {
    const message =
      'its state is still being loaded, so it does not know yet what the log contains';
    return { kind: 'lost', code: 'NOT_READY', message, answers: [] };
  }
  const attempt = options.entropy.bytes(16).toString('hex');
  // The epoch of the dry question is one that nobody can have promised: only the answers matter.
  const probeEpoch = options.replica.fence + 1;
  const dry = await round(options, question(options, { round: 'dry', epoch: probeEpoch, attempt }));
  if (!options.operator && options.replica.fence >= probeEpoch) {
    // Two concurrent candidates depose each other: the one whose own promise went to the other lets it lead.
    const message = `epoch ${options.replica.fence} was promised meanwhile`;
    return { kind: 'lost', code: 'STALE_EPOCH', message, answers: [] };
  }
  const epoch = nextEpoch(options, dry);
  if (epoch > EPOCH_MAX) {
    const message = `the next epoch would be ${epoch}, the maximum is ${EPOCH_MAX}`;
    return { kind: 'lost', code: 'EPOCHS_USED_UP', message, answers: [] };
  }
  const dryAgain = await dryInEpoch(options, { dry, probeEpoch, epoch, attempt });
  const hopeful = judge(options, dryAgain);
  if (hopeful.kind === 'no') return lost(hopeful, dryAgain);

  const real = await realRound(options, question(options, { round: 'real', epoch, attempt }));
  const promised = judge(options, real);
  if (promised.kind === 'no') return lost(promised, real);

  // Every voter that granted is asked again, counted or not: answers from all of them let blank voters become intact
  // sooner.
  const granted = repliesOf(real).filter((reply) => reply.granted);
  const again = options.voters.filter(({ nodeId }) =>
    granted.some((reply) => reply.nodeId === nodeId),
  );
  const ask = question(options, { round: 'confirm', epoch, attempt });
  const confirmed = await round(options, ask, again);
  const decided = judge(options, confirmed);
  if (decided.kind === 'no') return lost(decided, confirmed);
  return {
    kind: 'won',
    epoch,
    attempt,
    how: decided.how,
    promisedBy: decided.counted,
    vouchedBy: decided.vouched,
    position: options.replica.log.durable,
    unheard: unheard(options, [...dry, ...real]),
    allConfirmed:
      repliesOf(confirmed).filter(({ granted }) => granted).length === options.voters.length,
    identity: identityAmong(confirmed),
  };
}

/** Builds the question of this node for a voter. */
export function question(
  { replica, run, configHash, operator }: AttemptOptions,
  { round, epoch, attempt }: Pick<Ask, 'round' | 'epoch' | 'attempt'>,
): Ask {
  const { clusterId, historyId } = replica.meta.current;
  return {
    kind: 'ask',
    protocol: PROTOCOL_VERSION,
    round,
    epoch,
    candidate: replica.nodeId,
    run,
    attempt,
    position: replica.log.durable,
    clusterId,
    historyId,
    configHash,
    operator,
    forced: null,
  };
}

/** Asks every voter, or the named ones; this node answers for itself, by the same rules. */
export function round(
  options: AttemptOptions,
  ask: Ask,
  voters: readonly Peer[] = options.voters,
): Promise<readonly Asked[]> {
  return askRound({
    clock: options.clock,
    voters,
    ask: async (peer) =>
      peer.nodeId === options.replica.nodeId
        ? { kind: 'reply', reply: await options.voter.answer(ask) }
        : options.ask(peer, ask),
    enough: (asked) => judge(options, asked).kind !== 'no',
  });
}

/** Asks for promises. The candidate fences and promises itself first: its own position is final then. */
export async function realRound(options: AttemptOptions, ask: Ask): Promise<readonly Asked[]> {
  const { replica, voter } = options;
  const reply = await voter.answer(ask);
  const own = { kind: 'reply', reply } as const;
  if (!reply.granted) return [own];
  const final = { ...ask, position: replica.log.durable };
  const others = await askRound({
    clock: options.clock,
    voters: options.voters.filter(({ nodeId }) => nodeId !== replica.nodeId),
    ask: (peer) => options.ask(peer, final),
    enough: (asked) => judge(options, [own, ...asked]).kind !== 'no',
  });
  return [own, ...others];
}

/**
 * Returns an epoch above all that was seen: far above, where a blank voter among voters that are not may have
 * forgotten one.
 */
export function nextEpoch({ replica }: AttemptOptions, dry: readonly Asked[]): number {
  const replies = repliesOf(dry);
  const seen = [
    replica.fence,
    replica.log.durable.epoch,
    ...replies.map(({ promise, position }) => Math.max(promise.epoch, position.epoch)),
  ];
  const blanks = replies.filter(({ state }) => state === 'blank').length;
  const someoneForgot = blanks > 0 && blanks < replies.length;
  return Math.max(...seen) + 1 + (someoneForgot ? BLANK_EPOCH_GAP : 0);
}

/** Asks a voter again in the final epoch where it refused only because the dry epoch was too low. */
async function dryInEpoch(
  options: AttemptOptions,
  {
    dry,
    probeEpoch,
    epoch,
    attempt,
  }: {
    readonly dry: readonly Asked[];
    readonly probeEpoch: number;
    readonly epoch: number;
    readonly attempt: string;
  },
): Promise<readonly Asked[]> {
  if (epoch === probeEpoch) return dry;
  if (!repliesOf(dry).some(({ granted, code }) => !granted && code === 'STALE_EPOCH')) return dry;
  return round(options, question(options, { round: 'dry', epoch, attempt }));
}

/** Judges whether these answers are enough to lead, by the ordinary rules. */
export function judge(options: AttemptOptions, asked: readonly Asked[]): MayLead {
  const { replica, voters, quorum } = options;
  const { nodeId, state, log } = replica;
  return mayLead({
    voters: voters.map(({ nodeId }) => nodeId),
    quorum,
    candidate: {
      nodeId,
      position: log.durable,
      state,
      born: bornBy(log.epochs),
      ownEpoch: ownEpoch(replica),
    },
    answers: repliesOf(asked),
  });
}

/**
 * Returns the epoch of the last record if this node led it and promised no later one: after a later promise this log
 * may have been cut, and other voters may well have more of this epoch.
 */
function ownEpoch({ nodeId, log, meta }: Replica): number | null {
  const last = log.history.newest;
  const isOwn = last?.leader === nodeId && meta.current.promise.epoch === last.epoch;
  return isOwn ? last.epoch : null;
}

/** Returns the EPOCH record at LSN 1, with which the cluster was born. */
function bornBy(epochs: readonly EpochSpan[]): Candidate['born'] {
  const [first] = epochs;
  return isWhole(first) && first.firstLsn === 1 ? first : null;
}

/** Returns the replies among the answers. */
export function repliesOf(asked: readonly Asked[]): readonly AskReply[] {
  return asked.flatMap((one) => (one.kind === 'reply' ? [one.reply] : []));
}

function unheard({ voters }: AttemptOptions, asked: readonly Asked[]): readonly string[] {
  const heard = new Set(repliesOf(asked).map(({ nodeId }) => nodeId));
  return voters.map(({ nodeId }) => nodeId).filter((nodeId) => !heard.has(nodeId));
}

function identityAmong(
  asked: readonly Asked[],
): { readonly clusterId: string; readonly historyId: string } | undefined {
  for (const { clusterId, historyId } of repliesOf(asked)) {
    if (clusterId !== null && historyId !== null) return { clusterId, historyId };
  }
  return undefined;
}

function lost(verdict: MayLead & { kind: 'no' }, asked: readonly Asked[]): AttemptResult {
  const answers = asked.map((one) =>
    one.kind === 'silent'
      ? `${one.nodeId}: PEER_UNREACHABLE: ${one.message}`
      : `${one.reply.nodeId}: ${one.reply.granted ? 'agrees' : `${one.reply.code}: ${one.reply.message}`}`,
  );
  const refusals = asked.map((one) =>
    one.kind === 'silent'
      ? { nodeId: one.nodeId, code: 'PEER_UNREACHABLE' }
      : { nodeId: one.reply.nodeId, code: one.reply.granted ? 'OK' : one.reply.code },
  );
  const { code, message, lostData } = verdict;
  const suspicion = lostData === undefined ? {} : { lostData };
  return { kind: 'lost', code, message, answers, refusals, ...suspicion };
}

/**
 * Returns true if this node tries to lead on its own when it starts: a restarted leader does, a candidate that had
 * all but won, and at birth the initial leader.
 */
export function itsTurn({ nodeId, log, meta }: Replica, initialLeader: string): boolean {
  const last = log.history.newest;
  const first = last === undefined ? initialLeader : last.leader;
  return first === nodeId || meta.current.promise.candidate === nodeId;
}
