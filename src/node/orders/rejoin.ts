import type { Clock } from '../../ports/clock.ts';
import { WalshipError } from '../../errors.ts';
import type { RejoinRequest, RejoinResult } from '../api/api.ts';
import type { RoleDriver } from '../role/role-driver.ts';
import type { Membership } from '../replica/membership.ts';
import type { Replica } from '../replica/replica.ts';

/** Interval at which a node that looks for its leader by the ordinary rules is checked. */
const LOOK_MS = 25;

export interface RejoinParts {
  readonly roleDriver: RoleDriver;
  readonly replica: Replica;
  readonly membership: Membership;
  readonly clock: Clock;
}

/**
 * Makes this node follow, because an operator asked: by the ordinary rules, or with `discard` a leader of another
 * history.
 * @throws WalshipError REJOIN_REFUSED with each node's answer; REJOIN_UNFINISHED where it was too late to refuse, and
 * the node keeps trying on its own.
 */
export async function rejoin(parts: RejoinParts, request: RejoinRequest): Promise<RejoinResult> {
  const { roleDriver, replica, membership, clock } = parts;
  const startMs = clock.nowMs();
  const previousHistoryId = replica.meta.current.historyId;
  replica.lastCut = null;
  const { discard, from, timeoutMs } = request;
  if (discard) {
    const targets =
      from === undefined ? membership.known : [{ nodeId: `node at ${from}`, address: from }];
    const met = await roleDriver.leave(targets, timeoutMs);
    if (!met && !(await enters(parts, previousHistoryId, timeoutMs))) {
      throw refused(
        roleDriver,
        `no leader of another history took this node within ${timeoutMs} ms`,
      );
    }
  } else {
    await follow(parts, timeoutMs);
  }
  const { session, knownLeader } = roleDriver;
  return {
    leader: knownLeader?.nodeId ?? '',
    epoch: session?.epoch ?? 0,
    historyId: replica.meta.current.historyId,
    previousHistoryId,
    cut: cutOf(replica),
    tookMs: Math.round(clock.nowMs() - startMs),
  };
}

function cutOf({ lastCut }: Replica): RejoinResult['cut'] {
  if (lastCut === null) return null;
  const { fromLsn, toLsn, names } = lastCut;
  return { records: toLsn - fromLsn + 1, fromLsn, toLsn, saved: names };
}

/**
 * Resolves with true if the node had begun to enter another history when the operator's time limit passed: there is
 * no way back then, so it has the same time again to follow.
 * @throws WalshipError REJOIN_UNFINISHED.
 */
async function enters(
  { roleDriver, replica, clock }: RejoinParts,
  previousHistoryId: string | null,
  timeoutMs: number,
): Promise<boolean> {
  const endMs = clock.nowMs() + timeoutMs;
  while (replica.leaving || replica.meta.current.historyId !== previousHistoryId) {
    if (roleDriver.session !== undefined) return true;
    if (replica.end !== undefined) throw replica.end;
    if (clock.nowMs() >= endMs) {
      const how = replica.leaving ? 'is entering' : 'has entered';
      const message = `this node ${how} another history, but does not follow its leader yet; it continues by itself`;
      throw new WalshipError('REJOIN_UNFINISHED', message, {
        details: { answers: roleDriver.search.refusals },
      });
    }
    await pass(clock);
  }
  return false;
}

function pass(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.after(LOOK_MS, resolve);
  });
}

async function follow(
  { roleDriver, replica, clock }: RejoinParts,
  timeoutMs: number,
): Promise<void> {
  const endMs = clock.nowMs() + timeoutMs;
  while (roleDriver.session === undefined) {
    if (replica.end !== undefined) throw replica.end;
    if (roleDriver.leader !== undefined) {
      throw refused(
        roleDriver,
        `${replica.nodeId} leads epoch ${roleDriver.leader.epoch}: it leaves its history only with --discard`,
      );
    }
    if (clock.nowMs() >= endMs) {
      throw refused(roleDriver, `no leader was found within ${timeoutMs} ms`);
    }
    await pass(clock);
  }
}

function refused(roleDriver: RoleDriver, why: string): WalshipError {
  const answers = roleDriver.search.refusals;
  const said = answers.length === 0 ? '' : `: ${answers.join('; ')}`;
  return new WalshipError('REJOIN_REFUSED', `${why}${said}`, { details: { answers } });
}
