import type { Ask } from '../protocol/messages.ts';
import type { LifeOptions } from './life-options.ts';
import { identify } from './peers.ts';

type Ports = Pick<LifeOptions, 'membership' | 'dialer' | 'clock'> & {
  readonly signal: AbortSignal;
};

/**
 * Why no promise is to be made to this candidate; undefined where it answers at its own address.
 *
 * Two processes with one node id count as one voter, each for itself, and could both win the same epoch. A promise is made only to the one that
 * answers where followers will look for it. Only the real round needs that: the others promise nothing.
 */
export async function doubtOf(question: Ask, ports: Ports): Promise<string | undefined> {
  const { candidate, run, round } = question;
  const peer = ports.membership.peers.find(({ nodeId }) => nodeId === candidate);
  if (round !== 'real' || peer === undefined) return undefined;
  const found = await identify(ports, peer.address);
  if (found?.nodeId === candidate && found.run === run) return undefined;
  const who = found === undefined ? 'nobody' : 'another process';
  return `${who} answers at the address of ${candidate}, which asks for a promise`;
}
