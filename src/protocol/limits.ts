import { BATCH_BYTES_MAX } from '../wal/format/limits.ts';
import { FRAME_BYTES_MAX } from './messages.ts';

/**
 * The epoch of a forced failover lies so far above all that was seen, and a random part of it further: two that are forced on two sides of a
 * partition do not use the same epochs, and a version of one history is none of the other.
 */
export const FORCED_EPOCH_GAP = 1_000_000;
/** Whoever comes in with an epoch further above what this node knows has to prove it: the process at that voter's address is asked. */
export const EPOCH_STEP_MAX = 4 * FORCED_EPOCH_GAP;

/** A node id, in UTF-16 code units: what the command line allows too. */
export const NODE_ID_CHARS_MAX = 64;
/** A reason code. */
export const CODE_CHARS_MAX = 64;
/** A sentence for people; the sender cuts a longer one. */
export const MESSAGE_CHARS_MAX = 1024;
/** A SHA-256, as lower-case hexadecimal digits. */
export const DIGEST_CHARS = 64;
/** Any id of 16 bytes, as lower-case hexadecimal digits. */
export const ID_CHARS = 32;
/** Of one batch; the receiver's buffer is bounded by it. */
export const PIECES_MAX = Math.ceil(BATCH_BYTES_MAX / FRAME_BYTES_MAX);
