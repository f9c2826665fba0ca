import type { Clock } from '../../ports/clock.ts';
import { WalshipError } from '../../errors.ts';
import type { PromoteResult } from '../api/api.ts';
import type { AttemptResult, Refusal } from '../election/attempt.ts';
import type { RoleDriver } from '../role/role-driver.ts';

/**
 * Tries to lead, because an operator asked. @throws WalshipError NOT_ELIGIBLE, or NO_QUORUM with each voter's answer
 * and the remedy.
 */
export async function promote(roleDriver: RoleDriver, clock: Clock): Promise<PromoteResult> {
  const startMs = clock.nowMs();
  const { leadership } = roleDriver;
  if (leadership !== null) return { ...leadership, tookMs: 0 };
  if (!roleDriver.isVoter) {
    throw new WalshipError('NOT_ELIGIBLE', 'this node is a learner, and only voters lead');
  }
  const result = await roleDriver.stand(true);
  if (result.kind === 'lost') throw refused(result);
  const { epoch, how, promisedBy, vouchedBy, position } = result;
  const after = { epoch: position.epoch, lsn: position.lsn };
  const report = roleDriver.leadership ?? {
    epoch,
    how,
    promisedBy,
    vouchedBy,
    after,
    atRisk: null,
    outageMs: null,
  };
  return { ...report, tookMs: Math.round(clock.nowMs() - startMs) };
}

function refused({
  code,
  message,
  answers,
  refusals = [],
}: AttemptResult & { kind: 'lost' }): WalshipError {
  const said = answers.length === 0 ? '' : ` (${answers.join('; ')})`;
  const reason = code === 'NO_QUORUM' ? '' : `${code}: `;
  return new WalshipError('NO_QUORUM', `this node may not lead: ${reason}${message}${said}`, {
    details: {
      reason: code,
      answers,
      hint: whatWouldHelp([{ nodeId: 'this node', code }, ...refusals]),
    },
  });
}

/** Remedies by refusal code, the surest first. */
const HELP: readonly (readonly [string, (who: string) => string])[] = [
  [
    'VOTER_AHEAD',
    (who) => `promote ${who.replaceAll(', ', ' or ')} instead: it has what this node lacks`,
  ],
  ['CANDIDATE_SUSPECT', () => 'promote an intact voter instead: it refills this one'],
  ['CANDIDATE_BLANK', () => 'promote a voter with a log instead: it fills this one'],
  ['STALE_EPOCH', (who) => `another attempt was in progress at ${who}: try again`],
  ['JUST_STARTED', (who) => `${who} has only just started: try again`],
  ['CONFIG_MISMATCH', (who) => `start ${who} with the same --peers and --quorum as this node`],
  ['WRONG_CLUSTER', (who) => `${who} is of another cluster or history: check its --data`],
  ['UNSUPPORTED_VERSION', (who) => `run the same version of walship on ${who}`],
  ['DUPLICATE_NODE', (who) => `${who} knows another process by this node's id: stop that one`],
  ['CHAIN_MISMATCH', (who) => `compare the logs of ${who} and this node with walship log diff`],
  ['PEER_UNREACHABLE', (who) => `bring ${who} back, or restart the node if it does not answer`],
];

/** Returns what an operator can do about the refusals. */
export function whatWouldHelp(refusals: readonly Refusal[]): string {
  const parts = HELP.flatMap(([code, help]) => {
    const who = refusals.filter((refusal) => refusal.code === code).map(({ nodeId }) => nodeId);
    return who.length === 0 ? [] : [help(who.join(', '))];
  });
  if (parts.length > 0) return parts.join('; ');
  return 'walship status shows each voter with its state and what it waits for';
}
