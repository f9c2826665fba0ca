import type { Clock } from '../../ports/clock.ts';
import { configHash } from '../../protocol/config-hash.ts';
import type { Ask, AskReply } from '../../protocol/messages.ts';
import type { EventListener } from '../api/events.ts';
import { forcedHistory } from './forced.ts';
import { judgeAsk } from '../rules/judge-ask.ts';
import type { AskJudgement, LeaderLiveness } from '../rules/judge-ask.ts';
import type { Membership } from '../replica/membership.ts';
import type { Replica } from '../replica/replica.ts';

export interface VoterOptions {
  readonly replica: Replica;
  readonly clock: Clock;
  readonly run: string;
  readonly membership: Pick<Membership, 'configHash' | 'voters'>;
  /** Returns what this node knows of a leader right now. */
  readonly liveness: () => LeaderLiveness;
  /** Called when this node's promise to follow that candidate is durable. */
  readonly onPromised: (candidate: string) => void;
  readonly onEvent: EventListener;
}

/**
 * Answers a candidate's questions for this node, this node's own included when it stands.
 *
 * **Fence first, compare second.** In the turn in which the real question arrives the fence goes up: from then on no frame of a
 * lower epoch is written, no ack sent or counted, no write acknowledged; a leader steps down. Then the log I/O in flight ends. Only
 * then positions are compared, the promise is fsynced, and the answer leaves. Were the comparison made first, an ack could slip out
 * between it and the promise, and the write it vouched for would be lost.
 */
export class Voter {
  readonly #options: VoterOptions;

  constructor(options: VoterOptions) {
    this.#options = options;
  }

  /** Resolves with the answer; a granted promise is durable then. Rejects only if the disk failed. */
  async answer(ask: Ask): Promise<AskReply> {
    const { failure } = this.#options.replica;
    if (failure !== undefined) throw failure;
    const judged = this.#judge(ask, this.#options.replica.fence);
    if (judged.verdict === 'refuse') return this.#reply(ask, judged);
    if (ask.round === 'real') return this.#promise(ask);
    if (ask.round === 'confirm') await this.#rememberBirth(ask);
    return this.#reply(ask, this.#judge(ask, this.#options.replica.fence));
  }

  /**
   * Records the birth attempt of a cluster. The first record of a cluster is written only after every voter has this
   * on disk: a node that still has it later, and is still blank, is known to have lost nothing since. A blank voter
   * with a record is not asked to begin a cluster.
   */
  async #rememberBirth({ position }: Ask): Promise<void> {
    const { replica } = this.#options;
    const { promise, state } = replica.meta.current;
    if (state !== 'blank' || position.lsn > 0 || replica.log.durable.lsn > 0) return;
    await replica.updateMeta({ birth: promise });
  }

  /** Refuses for a reason that this voter cannot know on its own; nothing is fenced. */
  refuse(
    ask: Ask,
    refusal: { readonly code: AskJudgement['code']; readonly message: string },
  ): AskReply {
    return this.#reply(ask, { verdict: 'refuse', ...refusal });
  }

  async #promise(ask: Ask): Promise<AskReply> {
    const { replica, onPromised, onEvent } = this.#options;
    const promised = replica.meta.current.promise;
    const again = promised.epoch === ask.epoch && promised.attempt === ask.attempt;
    replica.raiseFence(ask.epoch);
    await replica.log.drained();

    // The state may have changed while the log came to rest: judge again, at the position that is final now.
    // The fence at this epoch is ours now; only the durable promise can still stand in the way.
    const overtaken = replica.fence !== ask.epoch;
    const judged = overtaken
      ? overtakenBy(replica.fence)
      : this.#judge(ask, replica.meta.current.promise.epoch);
    if (judged.verdict === 'refuse') {
      replica.lowerFence(ask.epoch);
      return this.#reply(ask, judged);
    }
    const entering = forcedHistory(replica.meta.current, ask);
    if (entering !== undefined) await replica.enterHistory(entering);
    // A later promise may have been made during the awaits: this one is never written over it.
    if (replica.fence !== ask.epoch) return this.#reply(ask, overtakenBy(replica.fence));
    if (!again) {
      const { epoch, candidate, attempt, forced, position } = ask;
      const from = { epoch: position.epoch, lsn: position.lsn };
      const config = forced === null ? null : { ...forced, from };
      await replica.promise({ epoch, candidate, attempt }, config);
      onEvent({ level: 'info', code: 'PROMISED', message: judged.message, epoch, candidate });
    }
    const current = replica.meta.current.promise;
    const held = replica.fence === ask.epoch && current.attempt === ask.attempt;
    if (held) onPromised(ask.candidate);
    return this.#reply(ask, held ? judged : overtakenBy(replica.fence));
  }

  #judge(ask: Ask, fence: number): AskJudgement {
    const { replica, membership, liveness } = this.#options;
    const entering = forcedHistory(replica.meta.current, ask);
    const meta = { ...replica.meta.current, ...entering };
    const { promise, state, claim, clusterId, historyId, voters, quorum } = meta;
    const entered = entering !== undefined && voters !== null && quorum !== null;
    return judgeAsk(
      {
        nodeId: replica.nodeId,
        voters: entered ? voters : membership.voters,
        promise,
        fence,
        position: replica.log.durable,
        lastLeader: replica.log.history.newest?.leader ?? null,
        state,
        claim,
        clusterId,
        historyId,
        configHash: entered ? configHash(voters, quorum) : membership.configHash,
        leaving: replica.leaving,
        liveness: liveness(),
      },
      ask,
    );
  }

  #reply(ask: Ask, { verdict, code, message }: AskJudgement): AskReply {
    const { replica, run, liveness } = this.#options;
    const meta = { ...replica.meta.current, ...forcedHistory(replica.meta.current, ask) };
    const { promise, birth, state, claim, clusterId, historyId } = meta;
    return {
      kind: 'reply',
      round: ask.round,
      attempt: ask.attempt,
      nodeId: replica.nodeId,
      run,
      granted: verdict === 'grant',
      code,
      message,
      // A refusal names the highest epoch that stands in the way, so that the next attempt goes above it.
      promise:
        replica.fence > promise.epoch
          ? { epoch: replica.fence, candidate: null, attempt: null }
          : promise,
      birth,
      position: replica.log.durable,
      state,
      claim,
      clusterId,
      historyId,
      leader: liveness().leaderId,
    };
  }
}

function overtakenBy(fence: number): AskJudgement {
  return {
    verdict: 'refuse',
    code: 'STALE_EPOCH',
    message: `it has promised epoch ${fence} meanwhile`,
  };
}
