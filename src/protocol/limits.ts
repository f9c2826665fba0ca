import { BATCH_BYTES_MAX } from '../wal/format/limits.ts';
import { FRAME_BYTES_MAX } from './messages.ts';

/**
 * Distance of the epoch of a forced failover above every known epoch, to which a random part of the same range is added: failovers
 * forced on both sides of a partition do not use the same epochs, so a version of one history is not a version of the other.
 */
export const FORCED_EPOCH_GAP = 1_000_000;
/** Largest step above the known epochs that is accepted without proof; for a larger one, the process at that voter's address is asked. */
export const EPOCH_STEP_MAX = 4 * FORCED_EPOCH_GAP;

/** Maximum length of a node id in UTF-16 code units; the same as on the command line. */
export const NODE_ID_CHARS_MAX = 64;
/** Maximum length of a reason code. */
export const CODE_CHARS_MAX = 64;
/** Maximum length of a sentence for display; the sender cuts a longer one. */
export const MESSAGE_CHARS_MAX = 1024;
/** Length of a SHA-256 in lower-case hexadecimal digits. */
export const DIGEST_CHARS = 64;
/** Length of an id of 16 bytes in lower-case hexadecimal digits. */
export const ID_CHARS = 32;
/** Maximum number of pieces of one batch; bounds the receiver's buffer. */
export const PIECES_MAX = Math.ceil(BATCH_BYTES_MAX / FRAME_BYTES_MAX);
