/** Limits fixed by the format, shared by writers and readers, so that everything written can be read. */

import { KiB, MiB } from '../../ports/units.ts';

export const KEY_BYTES_MAX = 4096;
export const VALUE_BYTES_MAX = 16 * MiB;
/** Maximum size of a batch with its seal. A transaction must fit into one batch. */
export const BATCH_BYTES_MAX = 32 * MiB;
/** Maximum number of operations and conditions of one transaction, since each costs time, however few bytes it has. */
export const TRANSACTION_ITEMS_MAX = 64 * KiB;
/** Maximum number of records of one batch, at least TRANSACTION_ITEMS_MAX: bounds the time to verify or apply a batch. */
export const BATCH_RECORDS_MAX = 64 * KiB;
export const SEGMENT_HEADER_BYTES = 64;
/** Size of the header in front of each physical write. */
export const WRITE_HEADER_BYTES = 32;
export const SEGMENT_BYTES_DEFAULT = 64 * MiB;
/** Maximum size of several batches that a follower writes with one fsync; a single batch may be larger. */
export const FOLLOWER_WRITE_BYTES_MAX = 4 * MiB;
/** Byte that fills unwritten space: a block that still holds it is proof that a write did not reach the disk. */
export const FILL_BYTE = 0xa7;
/** Maximum size of the first segment of a log, so that a new node does not wait for a full-size segment to be filled. */
export const FIRST_SEGMENT_BYTES_MAX = 2 * MiB;
/** Unit in which disks tear writes; each write to a segment begins at a block boundary. */
export const BLOCK_BYTES = 512;
/**
 * Largest epoch and largest LSN that are accepted from outside or written. Far below 2^53, so that values derived from them are
 * still exact numbers.
 */
export const EPOCH_MAX = 2 ** 52;
export const LSN_MAX = 2 ** 52;
