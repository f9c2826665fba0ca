/** Every bound of the HTTP interface; docs/http.md lists them with what happens at each. */
import { KiB, MiB } from '../ports/units.ts';
import { VALUE_BYTES_MAX } from '../wal/format/limits.ts';

/** The body of a PUT is the value. Reached: 413 VALUE_TOO_LARGE. */
export const VALUE_BODY_BYTES_MAX = VALUE_BYTES_MAX;
/** A batch of 32 MiB is 43 MiB of base64. Reached: 413 TXN_TOO_LARGE. */
export const TXN_BODY_BYTES_MAX = 48 * MiB;
/** A request that needs no body, or a few names and numbers: none of it takes long to read. Reached: 400 REQUEST_INVALID. */
export const OTHER_BODY_BYTES_MAX = 16 * KiB;
/** All request bodies in memory together. Reached: 503 BUSY. */
export const BODIES_BYTES_MAX = 256 * MiB;
/** Values and pages that their readers have not taken, together. Reached: 503 BUSY. */
export const ANSWERS_BYTES_MAX = 256 * MiB;
/** Request line and headers: a key of 4,096 bytes is 12,288 characters where each byte is percent-encoded. Reached: 431. */
export const HEADER_BYTES_MAX = 32 * KiB;
/** From the first byte of a request to the end of its headers. Reached: 408. */
export const HEADERS_MS_MAX = 10_000;
/** From the first byte of a request to the last one of its body. Reached: 408. */
export const REQUEST_MS_MAX = 60_000;
/** Requests on one connection that are not answered yet. Reached: closed. */
export const PIPELINED_MAX = 128;
/** An idle connection is closed after this. */
export const KEEP_ALIVE_MS = 15_000;
/** How often the bounds above are looked at. */
export const TIMEOUT_CHECK_MS = 1_000;
/** Sockets of all kinds. Reached: the one that has been idle for longest gives way. */
export const CONNECTIONS_MAX = 2_048;
/** Places beyond them, where none is idle: there nodes, operators and health checks are served, and others are refused with 503 BUSY. */
export const CONNECTIONS_KEPT = 64;
/** A reader that takes no byte of its answer for so long is disconnected. */
export const SEND_STALL_MS_MAX = 30_000;
/** After an answer was given before the body was read: how long the rest is thrown away before the connection is cut. */
export const DISCARD_MS_MAX = 1_000;
/** What a request may ask to wait. */
export const TIMEOUT_MS_MAX = 600_000;
export const TIMEOUT_MS_DEFAULT = 5_000;
/** Watches at a time. Reached: 503 BUSY. */
export const WATCHERS_MAX = 256;
/** A watch that shows nothing says so as often. */
export const WATCH_PROGRESS_MS = 5_000;
/** Keys of one page. */
export const PAGE_KEYS_MAX = 1_000;
export const PAGE_KEYS_DEFAULT = 100;
/** A page ends behind the entry that reaches this. */
export const PAGE_BYTES_MAX = 8 * MiB;
/** How long a node that /v1/cluster asks may take, and how much it may answer. */
export const PEER_STATUS_MS_MAX = 1_500;
export const PEER_STATUS_BYTES_MAX = 4 * MiB;
/** How long closing waits for requests in flight before it cuts them. */
export const CLOSE_MS_MAX = 5_000;
/** Links of clients at a time. Reached: 503. */
export const CLIENT_LINKS_MAX = 1_024;
/** From the open link to the hello. Reached: closed. */
export const CLIENT_HELLO_MS_MAX = 3_000;
/** A client's link that carries no byte for so long is closed; clients send a ping now and then. */
export const CLIENT_SILENCE_MS_MAX = 60_000;
/** Requests in flight on one client's link. Reached: BUSY. */
export const CLIENT_REQUESTS_MAX = 4_096;
/** Messages that come on a link at once, in one frame of it: more than a client that keeps to CLIENT_REQUESTS_MAX sends. Reached: closed. */
export const CLIENT_CHUNK_MESSAGES_MAX = 2 * CLIENT_REQUESTS_MAX;
/** Their bytes. Reached: BUSY; so it is where BODIES_BYTES_MAX is. */
export const CLIENT_REQUEST_BYTES_MAX = 64 * MiB;
/** Answers that a client has not taken: from here on its requests wait, … */
export const CLIENT_UNSENT_BYTES_HIGH = 4 * MiB;
/** … and a value that would add up to this is answered with BUSY instead. With more errors than that it is disconnected. */
export const CLIENT_UNSENT_BYTES_MAX = 64 * MiB;
/** How often a client's link is looked at for silence, stalls and progress of watches. */
export const CLIENT_TICK_MS = 1_000;
