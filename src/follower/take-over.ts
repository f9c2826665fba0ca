import type { Declined, HandOver } from '../protocol/messages.ts';
import type { Log } from '../wal/log.ts';

export interface HandOverHost {
  readonly log: Pick<Log, 'durable'>;
  /** Stands for the next epoch; resolves with the reason why it does not lead, or with nothing. */
  takeOver(): Promise<{ readonly code: string; readonly message: string } | undefined>;
}

/**
 * Stands for the next epoch because the leader asked this follower to; resolves with the reason why it does not lead,
 * or with nothing. Once it stands in earnest its session is over: only an earlier refusal can still be told to the
 * leader.
 */
export async function takeOver(
  host: HandOverHost,
  { epoch, at }: HandOver,
): Promise<Declined | undefined> {
  const { lsn, chain } = host.log.durable;
  if (lsn !== at.lsn || chain !== at.chain) {
    const message = `durable at LSN ${lsn}, not at ${at.lsn} with the same log`;
    return { kind: 'declined', epoch, code: 'NOT_CAUGHT_UP', message };
  }
  const why = await host.takeOver();
  return why && { kind: 'declined', epoch, code: why.code, message: why.message };
}
