/** Bounds of the HTTP interface; docs/http.md lists them with the reaction to each. */
import { KiB, MiB } from '../ports/units.ts';
import { VALUE_BYTES_MAX } from '../wal/format/limits.ts';

/** Bytes of the body of a PUT, which is the value. Reached: 413 VALUE_TOO_LARGE. */
export const VALUE_BODY_BYTES_MAX = VALUE_BYTES_MAX;
/** Bytes of the body of a transaction: a batch of 32 MiB is 43 MiB of base64. Reached: 413 TXN_TOO_LARGE. */
export const TXN_BODY_BYTES_MAX = 48 * MiB;
/**
 * Bytes of the body of any other request: none, or a few names and numbers, quick to read. Reached: 400
 * REQUEST_INVALID.
 */
export const OTHER_BODY_BYTES_MAX = 16 * KiB;
/** Bytes of all request bodies in memory together. Reached: 503 BUSY. */
export const BODIES_BYTES_MAX = 256 * MiB;
/** Bytes of values and pages that their readers have not taken, together. Reached: 503 BUSY. */
export const ANSWERS_BYTES_MAX = 256 * MiB;
/**
 * Bytes of request line and headers: a key of 4,096 bytes is 12,288 characters if each byte is percent-encoded.
 * Reached: 431.
 */
export const HEADER_BYTES_MAX = 32 * KiB;
/** Milliseconds from the first byte of a request to the end of its headers. Reached: 408. */
export const HEADERS_MS_MAX = 10_000;
/** Milliseconds from the first byte of a request to the last one of its body. Reached: 408. */
export const REQUEST_MS_MAX = 60_000;
/** Requests on one connection that are not answered yet. Reached: closed. */
export const PIPELINED_MAX = 128;
/** Milliseconds after which an idle connection is closed. */
export const KEEP_ALIVE_MS = 15_000;
/** Interval at which the bounds above are checked. */
export const TIMEOUT_CHECK_MS = 1_000;
/** Sockets of all kinds. Reached: the one that has been idle longest is closed. */
export const CONNECTIONS_MAX = 2_048;
/**
 * Reserved places beyond that, if none is idle: nodes, operators and health checks are served in them, and others are
 * refused with 503 BUSY.
 */
export const CONNECTIONS_KEPT = 64;
/** Milliseconds without a byte taken after which a reader is disconnected. */
export const SEND_STALL_MS_MAX = 30_000;
/** Milliseconds for which the rest of a body is discarded after an early answer, before the connection is closed. */
export const DISCARD_MS_MAX = 1_000;
/** Milliseconds that a request may ask to wait. */
export const TIMEOUT_MS_MAX = 600_000;
export const TIMEOUT_MS_DEFAULT = 5_000;
/** Watches at a time. Reached: 503 BUSY. */
export const WATCHERS_MAX = 256;
/** Interval of progress reports of a watch without changes. */
export const WATCH_PROGRESS_MS = 5_000;
/** Number of keys of one page. */
export const PAGE_KEYS_MAX = 1_000;
export const PAGE_KEYS_DEFAULT = 100;
/** Bytes at which a page ends, after the entry that reaches them. */
export const PAGE_BYTES_MAX = 8 * MiB;
/** Limits for the answer of a node that /v1/cluster asks: milliseconds and bytes. */
export const PEER_STATUS_MS_MAX = 1_500;
export const PEER_STATUS_BYTES_MAX = 4 * MiB;
/** Milliseconds that closing waits for requests in flight before it cuts them. */
export const CLOSE_MS_MAX = 5_000;
/** Links of clients at a time. Reached: 503. */
export const CLIENT_LINKS_MAX = 1_024;
/** Milliseconds from the open link to the hello. Reached: closed. */
export const CLIENT_HELLO_MS_MAX = 3_000;
/** Milliseconds of silence after which a client's link is closed; clients send a ping now and then. */
export const CLIENT_SILENCE_MS_MAX = 60_000;
/** Requests in flight on one client's link. Reached: BUSY. */
export const CLIENT_REQUESTS_MAX = 4_096;
/** Messages in one frame of a link: more than a client that keeps to CLIENT_REQUESTS_MAX sends. Reached: closed. */
export const CLIENT_CHUNK_MESSAGES_MAX = 2 * CLIENT_REQUESTS_MAX;
/** Bytes of the requests in flight on one client's link. Reached: BUSY; BODIES_BYTES_MAX has the same effect. */
export const CLIENT_REQUEST_BYTES_MAX = 64 * MiB;
/** Bytes of answers that a client has not taken, from which on its requests wait. */
export const CLIENT_UNSENT_BYTES_HIGH = 4 * MiB;
/**
 * Bytes of untaken answers from which on a value is answered with BUSY instead. A client with more errors than that
 * is disconnected.
 */
export const CLIENT_UNSENT_BYTES_MAX = 64 * MiB;
/** Interval at which a client's link is checked for silence, stalls and progress of watches. */
export const CLIENT_TICK_MS = 1_000;
