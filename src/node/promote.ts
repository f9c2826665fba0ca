import type { Clock } from '../ports/clock.ts';
import { WalshipError } from '../errors.ts';
import type { PromoteResult } from './api.ts';
import type { Candidacy, Refusal } from './candidacy.ts';
import type { Life } from './life.ts';

/** Tries to lead, because an operator asked. @throws WalshipError NOT_ELIGIBLE, or NO_QUORUM with what each voter said and what would help. */
export async function promote(life: Life, clock: Clock): Promise<PromoteResult> {
  const startMs = clock.nowMs();
  const { leadership } = life;
  if (leadership !== null) return { ...leadership, tookMs: 0 };
  if (!life.isVoter) {
    throw new WalshipError('NOT_ELIGIBLE', 'this node is a learner, and only voters lead');
  }
  const result = await life.stand(true);
  if (result.kind === 'lost') throw refused(result);
  const { epoch, how, promisedBy, vouchedBy, position } = result;
  const after = { epoch: position.epoch, lsn: position.lsn };
  const report = life.leadership ?? {
    epoch,
    how,
    promisedBy,
    vouchedBy,
    after,
    atRisk: null,
    outageMs: null,
  };
  return { ...report, tookMs: clock.nowMs() - startMs };
}

function refused({
  code,
  message,
  answers,
  refusals = [],
}: Candidacy & { kind: 'lost' }): WalshipError {
  const said = answers.length === 0 ? '' : ` (${answers.join('; ')})`;
  return new WalshipError('NO_QUORUM', `this node may not lead: ${message}${said}`, {
    details: { reason: code, answers, hint: whatWouldHelp(refusals) },
  });
}

/** What a person can do about a refusal, the surest first. */
export function whatWouldHelp(refusals: readonly Refusal[]): string {
  const which = (code: string): string =>
    refusals
      .filter((refusal) => refusal.code === code)
      .map(({ nodeId }) => nodeId)
      .join(', ');
  const [ahead, away, overtaken] = ['VOTER_AHEAD', 'PEER_UNREACHABLE', 'STALE_EPOCH'].map(which);
  if (ahead) {
    return `promote ${ahead.replaceAll(', ', ' or ')} instead: it has what this node lacks`;
  }
  if (overtaken) return `another attempt was under way at ${overtaken}: try again`;
  if (away) return `bring ${away} back, or start the node anew if it does not answer`;
  return 'walship status shows each voter with its state and what it waits for';
}
