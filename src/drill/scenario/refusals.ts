/** Reasons for which an operator may be refused, as a scenario may name them in `reason`. */
import { ERRORS } from '../../errors.ts';
import type { FailoverReason } from '../../node/rules/failover-plan.ts';
import type { MayLead } from '../../node/rules/may-lead.ts';

/** Rules by which a promotion or a failover is refused: narrower than the codes of docs/errors.md. */
const RULES: Readonly<Record<FailoverReason | Extract<MayLead, { kind: 'no' }>['code'], true>> = {
  CANDIDATE_BLANK: true,
  CANDIDATE_SUSPECT: true,
  CHAIN_MISMATCH: true,
  LEADER_LIVES: true,
  LEADER_LOST_DATA: true,
  NOT_A_VOTER: true,
  NO_QUORUM: true,
  PROMOTE_WOULD_DO: true,
  QUORUM_INVALID: true,
  STATE_INCOMPLETE: true,
  TOO_MANY_DAMAGED: true,
  VOTER_AHEAD: true,
  VOTER_REFUSES: true,
};

/** Returns true if a node can give `reason` for a refusal: a rule, or a code. */
export function isRefusalReason(reason: string): boolean {
  return Object.hasOwn(RULES, reason) || Object.hasOwn(ERRORS, reason);
}
