import { isUnwritable } from '../../ports/disk-errors.ts';
import assert from 'node:assert';
import type { Clock } from '../../ports/clock.ts';
import { isWalshipError, WalshipError } from '../../errors.ts';
import { FORCED_EPOCH_GAP } from '../../protocol/limits.ts';
import { EPOCH_MAX } from '../../wal/format/limits.ts';
import { formatVersion } from '../../wal/format/position.ts';
import type { FailoverRequest, FailoverResult } from '../api/api.ts';
import { judge, nextEpoch, question, realRound, repliesOf, round } from '../election/attempt.ts';
import type { AttemptOptions } from '../election/attempt.ts';
import type { EventListener } from '../api/events.ts';
import { changedSince, planFailover } from '../rules/failover-plan.ts';
import type { FailoverPlan } from '../rules/failover-plan.ts';
import { forcedHistory } from '../election/forced.ts';
import type { RoleDriver } from '../role/role-driver.ts';
import type { Asked } from '../cluster/peers.ts';

export interface FailoverParts {
  readonly roleDriver: RoleDriver;
  readonly clock: Clock;
  readonly onEvent: EventListener;
}

type ForcedFailover = FailoverParts & { readonly wantedQuorum: number | undefined };

type Done = Omit<FailoverResult, 'tookMs'>;

/**
 * Continues with the voters that answer, in a new history; or returns the plan only, and then nothing is fenced, written or promised.
 * @throws WalshipError FAILOVER_REFUSED, with the reason and each voter's answer.
 */
export async function failover(
  parts: FailoverParts,
  { acceptDataLoss, quorum }: FailoverRequest,
): Promise<FailoverResult> {
  const { roleDriver, clock } = parts;
  const forced = { ...parts, wantedQuorum: quorum };
  const startMs = clock.nowMs();
  let done: Done | undefined;
  let refusal: WalshipError | undefined;
  if (acceptDataLoss) {
    await roleDriver.force(async (stand) => {
      // A failed attempt is no failure of the node: it keeps running.
      const forked = await fork(forced, roleDriver.attemptOptions(true)).catch((error: unknown) => {
        if (!isWalshipError(error, 'FAILOVER_REFUSED') && !isUnwritable(error)) {
          throw error;
        }
        refusal = error;
        return undefined;
      });
      if (forked === undefined) {
        return { kind: 'lost', code: 'FAILOVER_REFUSED', message: 'it was refused', answers: [] };
      }
      const result = await stand();
      done = {
        ...forked,
        epoch: result.kind === 'won' ? result.epoch : null,
        notLeading: result.kind === 'won' ? null : `${result.code}: ${result.message}`,
      };
      return result;
    });
  } else {
    const options = roleDriver.attemptOptions(true);
    const { plan } = await foresee(forced, options);
    const { historyId } = options.replica.meta.current;
    const none = { historyId: null, epoch: null, notLeading: null };
    done = { done: false, ...none, previousHistoryId: historyId, ...plan };
  }
  if (refusal !== undefined) throw refusal;
  assert(done !== undefined, 'an attempt that resolves has been made');
  return { ...done, tookMs: Math.round(clock.nowMs() - startMs) };
}

interface Foreseen {
  readonly plan: FailoverPlan;
  readonly epoch: number;
  readonly attempt: string;
}

async function foresee(forced: ForcedFailover, options: AttemptOptions): Promise<Foreseen> {
  const { replica, entropy } = options;
  const attempt = entropy.bytes(16).toString('hex');
  const probe = question(options, { round: 'dry', epoch: replica.fence + 1, attempt });
  const epoch = nextEpoch(options, await round(options, probe)) + gap(options);
  if (epoch > EPOCH_MAX) {
    throw refused('EPOCHS_USED_UP', `epoch ${epoch} is beyond the last, ${EPOCH_MAX}`, []);
  }
  const dry = await round(options, question(options, { round: 'dry', epoch, attempt }));
  const verdict = planFailover({
    nodeId: replica.nodeId,
    position: replica.log.durable,
    state: replica.state,
    claim: replica.claim,
    committedLsn: replica.committedLsn,
    snapshotEndLsn: replica.snapshot?.endLsn ?? 0,
    config: {
      voters: options.voters.map(({ nodeId }) => nodeId),
      quorum: options.quorum,
    },
    ...(forced.wantedQuorum === undefined ? {} : { wantedQuorum: forced.wantedQuorum }),
    answers: repliesOf(dry),
    silent: dry.flatMap((asked) => (asked.kind === 'silent' ? [asked] : [])),
    lastSeen: forced.roleDriver.lastSeen,
    verdict: judge(options, dry),
  });
  if (verdict.kind === 'refuse') throw refused(verdict.reason, verdict.message, dry);
  return { plan: verdict.plan, epoch, attempt };
}

function gap({ entropy }: AttemptOptions): number {
  return FORCED_EPOCH_GAP + entropy.below(FORCED_EPOCH_GAP);
}

/**
 * Collects promises to this very attempt from the voters that answer; then this node takes the attempt as its
 * history, durably. It stands in it next, by the ordinary rules; the others enter it as soon as they are asked in it,
 * or meet its leader.
 * @throws WalshipError FAILOVER_REFUSED where the answers had changed: only promises have changed then.
 */
async function fork(
  forced: ForcedFailover,
  options: AttemptOptions,
): Promise<Omit<Done, 'epoch' | 'notLeading'>> {
  const { replica } = options;
  const { plan, epoch, attempt } = await foresee(forced, options);
  const { voters, quorum } = plan;
  const peers = options.voters.filter(({ nodeId }) => voters.includes(nodeId));
  const ask = question(options, { round: 'real', epoch, attempt });
  const real = await realRound(
    { ...options, voters: peers },
    { ...ask, forced: { voters, quorum } },
  );
  const granted = repliesOf(real).filter((reply) => reply.granted);
  const { durable } = replica.log;
  const changed = changedSince(plan, granted, durable);
  if (changed !== undefined) throw refused('CHANGED', changed, real);
  const { clusterId, historyId } = replica.meta.current;
  const patch = forcedHistory(replica.meta.current, { historyId: attempt, clusterId });
  if (patch === undefined || replica.fence !== epoch) {
    throw refused(
      'CHANGED',
      `epoch ${replica.fence} was promised meanwhile; first run the command again without --accept-data-loss`,
      real,
    );
  }
  await replica.enterHistory(patch);
  forced.onEvent({
    level: 'warn',
    code: 'FAILOVER_FORCED',
    message: `an operator accepted data loss: history ${attempt} begins after ${formatVersion(durable)}, with voters ${voters.join(', ')} and quorum ${quorum}; ${plan.risk.message}`,
    historyId: attempt,
    ...plan,
  });
  return { done: true, historyId: attempt, previousHistoryId: historyId, ...plan };
}

function refused(reason: string, message: string, asked: readonly Asked[]): WalshipError {
  const answers = asked.map((one) =>
    one.kind === 'silent'
      ? `${one.nodeId}: ${one.message}`
      : `${one.reply.nodeId}: ${one.reply.granted ? 'agrees' : `${one.reply.code}: ${one.reply.message}`}`,
  );
  return new WalshipError('FAILOVER_REFUSED', message, { details: { reason, answers } });
}
