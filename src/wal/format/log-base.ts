import { WalshipError } from '../../errors.ts';
import type { EpochSpan } from './history-spans.ts';
import type { Position } from './position.ts';

/** What a snapshot vouches for: from `start` on the log is needed, and what is below it is known without the log. */
export interface LogBase {
  readonly clusterId: string;
  readonly start: Position;
  /** Everything up to here is committed. */
  readonly endLsn: number;
  /** Who wrote what it holds, and the record at the start; what no key names is forgotten. */
  readonly epochs: readonly EpochSpan[];
}

/** A snapshot of another cluster stands beside this log. */
export function foreignSnapshot(path: string, found: string, expected: string): WalshipError {
  return new WalshipError(
    'WRONG_CLUSTER',
    `${path} is of cluster ${found}, expected ${expected}: this is the directory of another cluster, check --data`,
    {
      details: {
        path,
        hint: `check --data; if that is right, move ${path} out of the directory: it does not belong there`,
      },
    },
  );
}
