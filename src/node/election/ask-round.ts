import type { Clock } from '../../ports/clock.ts';
import type { Asked, Peer } from '../cluster/peers.ts';

/** Once a round has enough answers, the rest have so long: a voter that is gone must not hold up those that are there. */
export const ROUND_GRACE_MS = 50;

export interface RoundOptions {
  readonly clock: Clock;
  readonly voters: readonly Peer[];
  /** Never rejects but where this node's own disk failed. */
  readonly ask: (peer: Peer) => Promise<Asked>;
  /** The answers so far would do. */
  readonly enough: (asked: readonly Asked[]) => boolean;
}

/** Asks every voter at once. Resolves when all have answered or given up, or ROUND_GRACE_MS after there was enough. */
export function askRound({ clock, voters, ask, enough }: RoundOptions): Promise<readonly Asked[]> {
  return new Promise((resolve, reject) => {
    const answers = new Map<string, Asked>();
    let cancel: (() => void) | undefined;
    const end = (): void => {
      cancel?.();
      // In the order of the voters, so that what is printed does not depend on who was quick.
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
