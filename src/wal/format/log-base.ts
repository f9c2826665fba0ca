import { WalshipError } from '../../errors.ts';
import type { EpochSpan } from './history-spans.ts';
import type { Position } from './position.ts';

/** Description of a snapshot as the base of a log: records up to `start` are covered by the snapshot, records after it are needed. */
export interface LogBase {
  readonly clusterId: string;
  readonly start: Position;
  /** LSN up to which everything is committed. */
  readonly endLsn: number;
  /** Leaderships that wrote its keys and the record at `start`; epochs that no key refers to are forgotten. */
  readonly epochs: readonly EpochSpan[];
}

/** Makes the error for a snapshot of another cluster beside this log. */
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
