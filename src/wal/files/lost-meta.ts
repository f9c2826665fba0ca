/** Remedies for a lost meta.json, without which a node does not know its promises. Pure. */
import { BLANK_META, type Meta } from './meta.ts';
import { type EpochSpan, newestOf } from '../format/history-spans.ts';

/** A log beside which meta.json is missing or unreadable. */
export interface OrphanedLog {
  /** The data directory. */
  readonly dir: string;
  readonly clusterId: string | undefined;
  readonly epochs: readonly EpochSpan[];
  /** Base LSN of its newest segment; null if there is none. */
  readonly newestSegment: number | null;
  /** True if the log was read to its end and nothing is missing. */
  readonly whole: boolean;
}

/**
 * Recreates meta.json from a whole log whose last EPOCH record names a single voter: a single voter made no promises to others.
 * Undefined for any other log.
 */
export function metaFromLog(log: OrphanedLog): Meta | undefined {
  const { clusterId, epochs, newestSegment, whole } = log;
  const last = newestOf(epochs);
  const only = onlyVoter(epochs);
  if (!whole || clusterId === undefined || newestSegment === null) return undefined;
  if (last === undefined || only === undefined) return undefined;
  return {
    ...BLANK_META,
    clusterId,
    historyId: last.historyId,
    nodeId: only,
    promise: { epoch: last.epoch, candidate: null, attempt: null },
    state: 'intact',
    newestSegment,
    voters: [only],
    quorum: last.quorum,
  };
}

/** Hint for a lost meta.json: a remedy that is not refused in turn. */
export function lostMetaHint(log: OrphanedLog): string {
  const { dir, epochs } = log;
  const empty = `move ${dir} away and start the node with an empty directory`;
  if (metaFromLog(log) !== undefined) {
    return `walship log repair ${dir} writes another one from the log, which names this node as the only voter: nothing is lost`;
  }
  if (epochs.length === 0) return `${empty}: it holds no record`;
  if (onlyVoter(epochs) === undefined) return `${empty}: the other voters fill it`;
  return `the log is damaged too: walship log export ${dir} prints the keys that can still be read; then ${empty}, and write them again`;
}

function onlyVoter(epochs: readonly EpochSpan[]): string | undefined {
  const [first, ...others] = newestOf(epochs)?.voters ?? [];
  return others.length === 0 ? first : undefined;
}
