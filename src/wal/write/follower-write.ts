import { WalshipError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import { FOLLOWER_WRITE_BYTES_MAX } from '../format/limits.ts';
import type { Position } from '../format/position.ts';
import { verifyBatches } from '../format/scan.ts';
import type { BatchInfo } from '../format/scan.ts';

/**
 * Verifies batches from a leader: they must continue `state`, and fit into one fsync. Returns them.
 * @throws WalshipError CHAIN_MISMATCH, WAL_CORRUPT (a checksum), PROTOCOL_ERROR (anything else that does not continue).
 */
export function checkFollowerWrite(state: Position, bytes: Buffer): readonly BatchInfo[] {
  const verified = verifyBatches(state, bytes);
  if (verified.kind === 'invalid') {
    const { reason, offset } = verified;
    throw new WalshipError(codeOf(reason), `after LSN ${state.lsn}, at byte ${offset}: ${reason}`, {
      details: { afterLsn: state.lsn, offset },
    });
  }
  const { batches } = verified;
  // Recovery relies on this limit to distinguish a torn write from damage.
  if (batches.length > 1 && bytes.length > FOLLOWER_WRITE_BYTES_MAX) {
    const message = `${batches.length} batches of ${bytes.length} bytes, at most ${FOLLOWER_WRITE_BYTES_MAX}`;
    throw new WalshipError('PROTOCOL_ERROR', message);
  }
  return batches;
}

function codeOf(reason: string): ErrorCode {
  if (reason.startsWith('chain ')) return 'CHAIN_MISMATCH';
  return reason.startsWith('checksum ') ? 'WAL_CORRUPT' : 'PROTOCOL_ERROR';
}
