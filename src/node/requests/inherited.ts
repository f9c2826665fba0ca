import { Overlay } from '../../store/overlay.ts';
import type { Replica } from '../replica/replica.ts';

/** Number of records read in one turn of the event loop. */
const TURN_RECORDS = 1_024;

/**
 * Returns the writes in the log that are not applied yet: a new leader inherits them and may still see them
 * committed. All that is known to be committed is applied before it resolves, so the rest is bounded by the limit on
 * uncommitted bytes.
 */
export async function inheritedWrites(replica: Replica): Promise<Overlay> {
  await replica.caughtUp();
  const overlay = new Overlay();
  let count = 0;
  for await (const { lsn, op, key } of replica.log.read({ from: replica.applier.settledLsn + 1 })) {
    overlay.note(lsn, op, key);
    count += 1;
    if (count % TURN_RECORDS === 0) await replica.place.turns.next();
  }
  return overlay;
}
