/**
 * Every failure that a caller or an operator can see: one class, one table.
 *
 * A code names the failure, not the place. `status` is the HTTP status that it maps to, `hint` the
 * advice that goes with it; `docs/errors.md` explains each one, and a test compares the two lists.
 */
export const ERRORS = {
  ABORTED: { status: 499, hint: 'the caller gave up; look at the outcome of a write' },
  BUSY: { status: 503, hint: 'slow down and try again; the message says which bound was reached' },
  CHAIN_MISMATCH: {
    status: 500,
    hint: 'two logs differ where they must be equal: compare them with walship log diff',
  },
  COMMIT_TIMEOUT: {
    status: 504,
    hint: 'the write may still commit: ask GET /v1/wait with its version, or read the key where it has none',
  },
  CONDITION_FAILED: { status: 412, hint: 'read the key again and decide anew' },
  CONFIG_INVALID: { status: 400, hint: 'correct the options named in the message' },
  CONFIG_MISMATCH: {
    status: 409,
    hint: 'start the node with the voters and quorum that the cluster goes by',
  },
  DATA_DIR_LOCKED: {
    status: 500,
    hint: 'another process uses this directory: stop it, or choose another directory',
  },
  DISK_DENIED: {
    status: 503,
    hint: 'give the user that runs walship the right to read and write the path named: writing goes on by itself then',
  },
  DISK_FAILED: {
    status: 500,
    hint: 'check the disk; the node recovers from its log at the next start',
  },
  DISK_FULL: {
    status: 507,
    hint: 'free some disk space (or inodes, where the message says so): writing goes on by itself once there is room',
  },
  DISK_QUOTA: {
    status: 507,
    hint: 'raise the quota of the user that runs walship, or free some of it: writing goes on by itself then',
  },
  DISK_READ_ONLY: {
    status: 503,
    hint: 'see in the log of the system why the file system is read-only, and mount it writable again',
  },
  DRILL_FAILED: {
    status: 500,
    hint: 'the drill could not be carried out, so it says nothing about the cluster: see the message',
  },
  DUPLICATE_NODE: { status: 409, hint: 'two processes use one node id: give each its own' },
  FAILOVER_REFUSED: {
    status: 409,
    hint: 'nothing was changed; the message says which node, which rule and what would help',
  },
  HOST_UNKNOWN: {
    status: 421,
    hint: 'name the node by its IP address, by localhost or as in --peers, or start it with --host-names',
  },
  INTERNAL: { status: 500, hint: 'this is a bug in walship: please report it, with the log' },
  KEY_INVALID: { status: 400, hint: 'a key has 1 to 4096 bytes' },
  KEY_NOT_FOUND: { status: 404, hint: 'there is no such key in what this node has applied' },
  LOCK_UNAVAILABLE: {
    status: 500,
    hint: 'install flock (util-linux or busybox), or accept the risk with --unsafe-no-lock',
  },
  LSN_REPLACED: { status: 409, hint: 'a failover cut this version off; read the key again' },
  METHOD_NOT_ALLOWED: { status: 405, hint: 'use one of the methods that the Allow header names' },
  NODE_CLOSED: { status: 503, hint: 'the node is shutting down: try another one' },
  NOT_ELIGIBLE: {
    status: 409,
    hint: 'name an intact voter that is in session: walship status shows which are',
  },
  NOT_FOUND: { status: 404, hint: 'check the path' },
  NOT_READY: {
    status: 503,
    hint: 'this node is still building its state: try again shortly, or ask another node',
  },
  NO_DESCRIPTORS: {
    status: 503,
    hint: 'raise the limit of open files (ulimit -n, LimitNOFILE): the node goes on by itself once one is to be had',
  },
  NO_LEADER: {
    status: 503,
    hint: 'try again shortly; walship status says who leads, or why nobody does',
  },
  NO_QUORUM: {
    status: 503,
    hint: 'walship status says which voters are missing or do not count, and why',
  },
  OP_UNKNOWN: {
    status: 500,
    hint: 'the log holds operations of another state machine: open it with the program that wrote it',
  },
  ORIGIN_REFUSED: {
    status: 403,
    hint: 'web pages of other origins may not use this node: ask from a program, or from a page of the same host and port',
  },
  PATH_UNUSABLE: {
    status: 500,
    hint: 'something else has this name: move it away, or name another directory with --data',
  },
  PEER_UNREACHABLE: { status: 503, hint: 'check that the peer runs and that its address is right' },
  PORT_IN_USE: { status: 500, hint: 'choose another port, or stop the process that listens there' },
  PROMISE_BROKEN: {
    status: 500,
    hint: 'the verdict says which promise, with versions; the same seed makes the same choices again',
  },
  PROTOCOL_ERROR: {
    status: 400,
    hint: 'the peer does not speak the walship protocol: check the address',
  },
  PURGED: { status: 410, hint: 'start again from the oldest version named here' },
  REJOIN_REFUSED: {
    status: 409,
    hint: 'nothing was cut; the message says which node, which rule and what would help',
  },
  REJOIN_UNFINISHED: {
    status: 504,
    hint: 'it goes on by itself: walship status --url of this node says how far it is',
  },
  REQUEST_INVALID: { status: 400, hint: 'correct the request as the message says' },
  SAVED_FULL: {
    status: 507,
    hint: 'saved/ is at its cap: export what is there, then remove it by hand',
  },
  SEGMENT_MISSING: {
    status: 500,
    hint: 'walship log verify says what is missing, and what helps',
  },
  STALE_EPOCH: {
    status: 409,
    hint: 'this leadership is over: walship status says who leads, or why nobody does',
  },
  SWITCHOVER_FAILED: {
    status: 503,
    hint: 'the lead was not handed over: the message says what stood in the way; try again',
  },
  SWITCHOVER_UNKNOWN: {
    status: 504,
    hint: 'the target may lead, now or in a moment: look at walship status before you try again',
  },
  TXN_TOO_LARGE: { status: 413, hint: 'split the transaction' },
  UNSUPPORTED_VERSION: { status: 400, hint: 'this needs a newer walship' },
  VALUE_TOO_LARGE: { status: 413, hint: 'a value has at most 16 MiB' },
  VERSION_FORGOTTEN: {
    status: 410,
    hint: 'the version is too old for this node to tell: read the key again',
  },
  WAIT_TIMEOUT: { status: 504, hint: 'ask again, with more time' },
  WAL_CORRUPT: {
    status: 500,
    hint: 'walship log verify says what is wrong with the directory, and what helps',
  },
  WRONG_CLUSTER: { status: 409, hint: 'this directory or peer belongs to another cluster' },
} as const satisfies Record<string, { readonly status: number; readonly hint: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** What became of a write: `rejected` is certain (no LSN was given), `indeterminate` may still commit. */
export type Outcome = 'rejected' | 'indeterminate';

/** Numbers and names that belong to the failure; they go into logs and JSON as they are. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface WalshipErrorOptions {
  readonly details?: ErrorDetails;
  /** On failed writes only. */
  readonly outcome?: Outcome;
  readonly cause?: unknown;
}

/** The message is lower case, without a full stop: what was found and what was expected. */
export class WalshipError extends Error {
  override readonly name = 'WalshipError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  readonly outcome: Outcome | undefined;

  constructor(code: ErrorCode, message: string, options: WalshipErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
    this.outcome = options.outcome;
  }
}

/** True where `error` is ours and, if `code` is given, has that code. */
export function isWalshipError(error: unknown, code?: ErrorCode): error is WalshipError {
  return error instanceof WalshipError && (code === undefined || error.code === code);
}
