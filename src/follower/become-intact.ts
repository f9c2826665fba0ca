import type { BecomeIntact } from '../protocol/messages.ts';
import type { FollowerHost } from './host.ts';

/**
 * Makes a suspect or blank node intact, because its leader says that the rule is met. Resolves with nothing when
 * state and promise are durable, with `overtaken` if the session ended before, else with the reason why this node is
 * not where the leader believes it to be.
 */
export async function becomeIntact(
  host: FollowerHost,
  { at }: BecomeIntact,
  current: () => boolean,
): Promise<undefined | 'overtaken' | { readonly reason: string }> {
  const { log } = host;
  const ours = await log.chainAt(at.lsn);
  if (!current()) return 'overtaken';
  if (ours === undefined || ours.chain !== at.chain || ours.lsn > log.durable.lsn) {
    return { reason: `not durable at LSN ${at.lsn} with the leader's chain` };
  }
  if (host.state !== 'intact') await host.saveState('intact', null);
  return current() ? undefined : 'overtaken';
}
