import { EPOCH_STEP_MAX } from '../../protocol/limits.ts';
import type { Ask, AskReply, Identity } from '../../protocol/messages.ts';
import type { AskCode } from '../rules/judge-ask.ts';
import type { RoleOptions } from './role-options.ts';
import { identify } from '../cluster/peers.ts';
import type { Voter } from './voter.ts';

type Ports = Pick<RoleOptions, 'membership' | 'dialer' | 'clock' | 'replica' | 'onPeerFault'> & {
  readonly signal: AbortSignal;
};

interface Doubt {
  readonly code: AskCode;
  readonly message: string;
}

/**
 * Answers a candidate from the network. The candidate is asked back at its own address before it gets a promise; the other rounds
 * promise nothing. A stranger has no address to be asked at, and the voter refuses it.
 */
export async function answerCandidate(
  question: Ask,
  voter: Voter,
  ports: Ports,
): Promise<AskReply> {
  const { candidate, round } = question;
  const peer = ports.membership.peers.find(({ nodeId }) => nodeId === candidate);
  if (round === 'real' && peer !== undefined) {
    const found = await identify(ports, peer.address);
    const doubt = judgeCandidate(question, found, ports.replica.fence);
    if (doubt !== undefined) {
      ports.onPeerFault({ ...doubt, peer: candidate });
      return voter.refuse(question, doubt);
    }
  }
  const reply = await voter.answer(question);
  const { code, message } = reply;
  if (code === 'NOT_A_VOTER') ports.onPeerFault({ code, message, peer: candidate });
  return reply;
}

/**
 * Judges whether a candidate may get a promise. Two processes with one node id count as one voter, each for itself,
 * and could both win the same epoch, so only the process at the address where followers will look for it gets a
 * promise. And a made-up epoch far above all that this voter knows would use up the remaining epochs: the candidate
 * has to stand at it itself. So a voter that was away for millions of leaderships still makes its promise.
 */
export function judgeCandidate(
  { candidate, run, epoch }: Ask,
  found: Identity | undefined,
  fence: number,
): Doubt | undefined {
  if (found?.nodeId !== candidate || found.run !== run) {
    const who = found === undefined ? 'nobody' : 'another process';
    const message = `${who} answers at the address of ${candidate}, which asks for a promise`;
    return { code: 'DUPLICATE_NODE', message };
  }
  if (epoch - fence <= EPOCH_STEP_MAX || found.fence >= epoch) return undefined;
  const message = `epoch ${epoch} is more than ${EPOCH_STEP_MAX} above ${fence}, but ${candidate} at its address is at ${found.fence}`;
  return { code: 'CLAIM_UNPROVEN', message };
}
