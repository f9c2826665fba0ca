import { isWhole } from '../../wal/format/history-spans.ts';
import type { Log } from '../../wal/log.ts';
import type { MetaStore } from '../../wal/files/meta.ts';

/**
 * Completes an interrupted birth. The first leader becomes intact with its EPOCH record, the others when it says so. A node that died before that, with the record in its log,
 * still has in meta.json that it confirmed this very birth: it has forgotten nothing since, and its log is all it ever held.
 */
export async function finishBirth(meta: MetaStore, log: Log): Promise<void> {
  const { state, birth } = meta.current;
  const first = log.epochs[0];
  if (state !== 'blank' || birth === null || !isWhole(first) || first.firstLsn !== 1) return;
  if (first.epoch !== birth.epoch || first.leader !== birth.candidate) return;
  await meta.update({ state: 'intact' });
}
