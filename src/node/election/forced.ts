/**
 * Change from one history to another. A history begins at the birth of a cluster, or with a forced failover; nothing that was
 * acknowledged in one says anything about another. A node changes its history only by its own fsynced word:
 *
 * - it promised to the very attempt that began the history, whose id that attempt is; or
 * - an operator told it to, by `rejoin --discard`.
 */
import type { VotersAndQuorum } from '../../protocol/messages.ts';
import type { Meta } from '../../wal/files/meta.ts';

/**
 * Returns the changes of meta.json for a node that enters the history begun by the attempt that it promised to;
 * undefined where `historyId` is no such history. All nodes begin it with the candidate's log as the truth: records
 * of the old history that a suspect or blank node lost are accepted as lost, and of the new one it can have held no
 * more than the candidate had.
 */
export function forcedHistory(
  meta: Meta,
  named: { readonly historyId: string | null; readonly clusterId: string | null },
): Partial<Meta> | undefined {
  const { forced, promise, nodeId, state } = meta;
  const { historyId } = named;
  if (forced === null || historyId === null) return undefined;
  if (promise.attempt !== historyId || meta.historyId === historyId) return undefined;
  const own = promise.candidate === nodeId;
  const claim = own || state === 'intact' ? null : forced.from;
  return {
    clusterId: meta.clusterId ?? named.clusterId,
    historyId,
    voters: forced.voters,
    quorum: forced.quorum,
    forced: null,
    birth: null,
    joining: true,
    state: own || state === 'intact' ? 'intact' : 'suspect',
    claim,
  };
}

/** Meaning of a leader's answer for the history of the node that it accepts. */
export type Entry =
  | { readonly kind: 'same' }
  /**
   * The node enters the history that it promised to, or that an operator sends it to: the patch is in meta.json
   * before anything else.
   */
  | { readonly kind: 'enter'; readonly patch: Partial<Meta> }
  | {
      readonly kind: 'refuse';
      readonly code: 'WRONG_CLUSTER' | 'SAME_HISTORY';
      readonly message: string;
    };

export interface OfferedHistory {
  readonly clusterId: string | null;
  readonly historyId: string | null;
  readonly epoch: number;
  readonly config: VotersAndQuorum | null;
}

/** Judges an entry into another history. @param wished an operator wants this node to leave its history now. */
export function entryInto(meta: Meta, offered: OfferedHistory, wished: boolean): Entry {
  const { historyId, epoch, config } = offered;
  if (meta.historyId === null || historyId === null || historyId === meta.historyId) {
    if (!wished || historyId === null) return { kind: 'same' };
    const message = 'it leads the history that this node must leave';
    return { kind: 'refuse', code: 'SAME_HISTORY', message };
  }
  const promised = forcedHistory(meta, offered);
  if (promised !== undefined) return { kind: 'enter', patch: promised };
  if (!wished || config === null) {
    const message = `it leads history ${historyId}, and this node belongs to ${meta.historyId}`;
    return { kind: 'refuse', code: 'WRONG_CLUSTER', message };
  }
  return { kind: 'enter', patch: discarded({ historyId, epoch, config }) };
}

/**
 * Returns meta.json for a discarding node. It may have been in that history before, and has lost its promises there:
 * so it comes as a blank node, though with a log.
 */
function discarded({
  historyId,
  epoch,
  config,
}: {
  readonly historyId: string;
  readonly epoch: number;
  readonly config: VotersAndQuorum;
}): Partial<Meta> {
  return {
    historyId,
    voters: config.voters,
    quorum: config.quorum,
    promise: { epoch, candidate: null, attempt: null },
    forced: null,
    birth: null,
    state: 'blank',
    claim: null,
    joining: true,
    discarding: true,
  };
}
