/** Limits fixed by the format: shared by writers and readers, so that nothing can be written that cannot be read. */

import { KiB, MiB } from '../../ports/units.ts';

export const KEY_BYTES_MAX = 4096;
export const VALUE_BYTES_MAX = 16 * MiB;
/** A batch with its seal. A transaction has to fit into one. */
export const BATCH_BYTES_MAX = 32 * MiB;
/** Operations of one transaction, with the conditions that it depends on: each of them costs, however few bytes it has. */
export const TRANSACTION_ITEMS_MAX = 64 * KiB;
/** Records of one batch, TRANSACTION_ITEMS_MAX at least: whoever verifies or applies one holds up nobody for long. */
export const BATCH_RECORDS_MAX = 64 * KiB;
export const SEGMENT_HEADER_BYTES = 64;
/** In front of each physical write. */
export const WRITE_HEADER_BYTES = 32;
export const SEGMENT_BYTES_DEFAULT = 64 * MiB;
/** A follower writes one batch of any size, or several that together stay within this, before it fsyncs. */
export const FOLLOWER_WRITE_BYTES_MAX = 4 * MiB;
/** What the log fills unwritten space with: a block that still holds it is proof that a write did not reach the disk. */
export const FILL_BYTE = 0xa7;
/** The first segment of a log is no larger: a new node does not wait for one of full size to be filled. */
export const FIRST_SEGMENT_BYTES_MAX = 2 * MiB;
/** The unit in which disks tear writes; each write to a segment begins at a border of it. */
export const BLOCK_BYTES = 512;
/**
 * The largest epoch and the largest LSN that are taken from outside or written. Far below 2^53, so that nothing that is derived from one can
 * reach the end of what a number holds exactly.
 */
export const EPOCH_MAX = 2 ** 52;
export const LSN_MAX = 2 ** 52;
