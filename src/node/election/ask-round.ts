import type { Clock } from '../../ports/clock.ts';
import type { Asked, Peer } from '../cluster/peers.ts';

/**
 * Milliseconds that a round waits for the remaining answers after it has enough: a dead voter must not hold up the
 * others.
 */
export const ROUND_GRACE_MS = 50;

export interface RoundOptions {
  readonly clock: Clock;
  readonly voters: readonly Peer[];
  /** Asks one voter. Rejects only if this node's own disk failed. */
  readonly ask: (peer: Peer) => Promise<Asked>;
  /** Returns true if the answers so far are enough. */
  readonly enough: (asked: readonly Asked[]) => boolean;
}

/**
 * Asks all voters in parallel. Resolves when all have answered or given up, or ROUND_GRACE_MS after there were enough
 * answers.
 */
export function askRound({ clock, voters, ask, enough }: RoundOptions): Promise<readonly Asked[]> {
  return new Promise((resolve, reject) => {
    const answers = new Map<string, Asked>();
    let cancel: (() => void) | undefined;
    const end = (): void => {
      cancel?.();
      // Answers are in the order of the voters, so that the output does not depend on who was quick.
      resolve(voters.map(({ nodeId }) => answers.get(nodeId) ?? late(nodeId)));
    };
    const answered = (nodeId: string, asked: Asked): void => {
      answers.set(nodeId, asked);
      if (answers.size === voters.length) end();
      else if (cancel === undefined && enough([...answers.values()])) {
        cancel = clock.after(ROUND_GRACE_MS, end);
      }
    };
    if (voters.length === 0) end();
    for (const peer of voters) {
      ask(peer).then((asked) => answered(peer.nodeId, asked), reject);
    }
  });
}

function late(nodeId: string): Asked {
  return { kind: 'silent', nodeId, message: 'no answer before the round ended' };
}
