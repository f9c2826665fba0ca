/** Changes of meta.json that a recovery makes. Pure. */
import { newestOf } from '../format/history-spans.ts';
import type { Inspection } from './inspect.ts';
import type { Meta } from '../files/meta.ts';
import { claimOf, type Decision, joinClaims } from './recovery.ts';

/** Returns the members of meta.json that must change, or undefined if there are none. */
export function metaPatch(
  current: Meta,
  inspection: Inspection,
  decision: Decision,
): Partial<Meta> | undefined {
  const { evidence, segments, epochs, clusterId } = inspection;
  const patch: { -readonly [K in keyof Meta]?: Meta[K] } = {};
  const newest = segments.at(-1)?.header.baseLsn ?? null;
  if (newest !== current.newestSegment) patch.newestSegment = newest;
  if (current.replacedBy !== null) patch.replacedBy = null;
  if (current.clusterId === null && clusterId !== undefined) patch.clusterId = clusterId;
  const lastEpoch = newestOf(epochs);
  if (lastEpoch !== undefined) {
    if (current.historyId === null) patch.historyId = lastEpoch.historyId;
    const arrived = current.historyId === null || lastEpoch.historyId === current.historyId;
    if (arrived && current.joining) patch.joining = false;
    // Epochs of an abandoned history do not apply to this one.
    if (arrived && current.promise.epoch < lastEpoch.epoch) {
      patch.promise = { epoch: lastEpoch.epoch, candidate: null, attempt: null };
      patch.forced = null;
    }
  }
  // A blank node stays blank: it vouches for even less than a suspect.
  if (decision === 'save-cut-suspect' && current.state !== 'blank') {
    patch.state = 'suspect';
    patch.claim = joinClaims(current.claim, claimOf(evidence));
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}
