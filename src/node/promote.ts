import type { Clock } from '../ports/clock.ts';
import { WalshipError } from '../errors.ts';
import type { PromoteResult } from './api.ts';
import type { Candidacy } from './candidacy.ts';
import type { Life } from './life.ts';

/** Tries to lead, because an operator asked. @throws WalshipError NOT_ELIGIBLE, or NO_QUORUM with what each voter said. */
export async function promote(life: Life, clock: Clock): Promise<PromoteResult> {
  const startMs = clock.nowMs();
  const leading = life.leader;
  if (leading !== undefined) {
    return { epoch: leading.epoch, promisedBy: [], vouchedBy: [], tookMs: 0 };
  }
  if (!life.isVoter) {
    throw new WalshipError('NOT_ELIGIBLE', 'this node is a learner, and only voters lead');
  }
  const result = await life.stand(true);
  if (result.kind === 'lost') throw refused(result);
  const { epoch, promisedBy, vouchedBy } = result;
  return { epoch, promisedBy, vouchedBy, tookMs: clock.nowMs() - startMs };
}

function refused({ code, message, answers }: Candidacy & { kind: 'lost' }): WalshipError {
  return new WalshipError('NO_QUORUM', `this node may not lead: ${message}`, {
    details: { reason: code, answers },
  });
}
