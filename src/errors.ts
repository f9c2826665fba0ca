/**
 * All failures that a caller or an operator can see: one class, one table.
 *
 * A code names the failure, not the place. `status` is the HTTP status that it maps to, `hint` the
 * advice that goes with it; `docs/errors.md` explains each one, and a test compares the two lists.
 */
export const ERRORS = {
  ABORTED: {
    status: 499,
    hint: 'the caller aborted the request; for a write, look at the outcome',
  },
  BUSY: { status: 503, hint: 'send less and try again; the message names the limit' },
  CHAIN_MISMATCH: {
    status: 500,
    hint: 'two logs that must be equal differ: compare them with walship log diff',
  },
  COMMIT_TIMEOUT: {
    status: 504,
    hint: 'the write may still commit: ask GET /v1/wait for its version, or read the key if there is no version',
  },
  CONDITION_FAILED: { status: 412, hint: 'read the key again and decide again' },
  CONFIG_INVALID: { status: 400, hint: 'correct the options named in the message' },
  CONFIG_MISMATCH: {
    status: 409,
    hint: 'start the node with the voters and the quorum of the cluster',
  },
  DATA_DIR_LOCKED: {
    status: 500,
    hint: 'another process uses this directory: stop that process, or choose another directory',
  },
  DISK_DENIED: {
    status: 503,
    hint: 'allow the user that runs walship to read and write the named path; a running node then resumes writes by itself',
  },
  DISK_FAILED: {
    status: 500,
    hint: 'check the disk, then start the node again: it recovers from its log',
  },
  DISK_FULL: {
    status: 507,
    hint: 'free disk space (or inodes, if the message says so); a running node then resumes writes by itself',
  },
  DISK_QUOTA: {
    status: 507,
    hint: 'raise the disk quota of the user that runs walship, or delete files; a running node then resumes writes by itself',
  },
  DISK_READ_ONLY: {
    status: 503,
    hint: 'check the system log for the reason, and mount the file system writable again',
  },
  DRILL_FAILED: {
    status: 500,
    hint: 'the drill could not run, so it says nothing about the cluster: see the message',
  },
  DUPLICATE_NODE: {
    status: 409,
    hint: 'two processes use the same node id: give each process its own',
  },
  FAILOVER_REFUSED: {
    status: 409,
    hint: 'nothing was changed; the message names the node, the rule and the remedy',
  },
  HOST_UNKNOWN: {
    status: 421,
    hint: 'use the IP address of the node, localhost, or its name in --peers; or start the node with --host-names',
  },
  INTERNAL: {
    status: 500,
    hint: 'this is a bug in walship: please report it with the log of the node',
  },
  KEY_INVALID: { status: 400, hint: 'a key has 1 to 4096 bytes' },
  KEY_NOT_FOUND: { status: 404, hint: 'the key does not exist in the state of this node' },
  LOCK_UNAVAILABLE: {
    status: 500,
    hint: 'install flock (util-linux or busybox), or accept the risk with --unsafe-no-lock',
  },
  LSN_REPLACED: { status: 409, hint: 'a failover replaced this version; read the key again' },
  METHOD_NOT_ALLOWED: { status: 405, hint: 'use a method that the Allow header lists' },
  NODE_CLOSED: { status: 503, hint: 'the node is shutting down: try another one' },
  NOT_ELIGIBLE: {
    status: 409,
    hint: 'name an intact voter that is connected to the leader: see walship status',
  },
  NOT_FOUND: { status: 404, hint: 'check the path' },
  NOT_READY: {
    status: 503,
    hint: 'this node is still loading its state: try again shortly, or ask another node',
  },
  NO_DESCRIPTORS: {
    status: 503,
    hint: 'raise the limit of open files (ulimit -n, LimitNOFILE); the node resumes as soon as a descriptor is free',
  },
  NO_LEADER: {
    status: 503,
    hint: 'try again shortly; walship status shows the leader, or why there is none',
  },
  NO_QUORUM: {
    status: 503,
    hint: 'walship status shows which voters are missing or do not count, and why',
  },
  OP_UNKNOWN: {
    status: 500,
    hint: 'this log holds operations of another program: open it with the program that wrote it',
  },
  ORIGIN_REFUSED: {
    status: 403,
    hint: 'this node refuses web pages of other origins: use a program, or a page of the same host and port',
  },
  PATH_UNUSABLE: {
    status: 500,
    hint: 'another file has this name: move it away, or choose another directory with --data',
  },
  PEER_UNREACHABLE: {
    status: 503,
    hint: 'check that the peer is running and that its address is right',
  },
  PORT_IN_USE: { status: 500, hint: 'choose another port, or stop the process that listens there' },
  PROMISE_BROKEN: {
    status: 500,
    hint: 'the verdict names the promise and the versions; the same seed makes the same choices again',
  },
  PROTOCOL_ERROR: {
    status: 400,
    hint: 'the peer does not speak the walship protocol: check its address',
  },
  PURGED: { status: 410, hint: 'start again from the oldest version that is given here' },
  REJOIN_REFUSED: {
    status: 409,
    hint: 'nothing was cut; the message names the node, the rule and the remedy',
  },
  REJOIN_UNFINISHED: {
    status: 504,
    hint: 'the node continues on its own: walship status --url shows its progress',
  },
  REQUEST_INVALID: { status: 400, hint: 'correct the request; the message names the problem' },
  SAVED_FULL: {
    status: 507,
    hint: 'saved/ is full: export what you need, then delete files by hand',
  },
  SEGMENT_MISSING: {
    status: 500,
    hint: 'walship log verify shows what is missing, and the remedy',
  },
  STALE_EPOCH: {
    status: 409,
    hint: 'this leadership is over: walship status shows the current leader, or why there is none',
  },
  SWITCHOVER_FAILED: {
    status: 503,
    hint: 'leadership was not handed over; the message gives the reason; try again',
  },
  SWITCHOVER_UNKNOWN: {
    status: 504,
    hint: 'the target may become leader: check walship status before you try again',
  },
  TXN_TOO_LARGE: { status: 413, hint: 'split the transaction' },
  UNSUPPORTED_VERSION: { status: 400, hint: 'use a newer version of walship' },
  VALUE_TOO_LARGE: { status: 413, hint: 'a value has at most 16 MiB' },
  VERSION_FORGOTTEN: {
    status: 410,
    hint: 'this node no longer knows this version: read the key again',
  },
  WAIT_TIMEOUT: { status: 504, hint: 'try again with a longer timeout' },
  WAL_CORRUPT: {
    status: 500,
    hint: 'walship log verify shows the damage, and the remedy',
  },
  WRONG_CLUSTER: { status: 409, hint: 'this directory or peer belongs to another cluster' },
} as const satisfies Record<string, { readonly status: number; readonly hint: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** Result of a failed write: `rejected` is certain (it got no LSN), `indeterminate` may still commit. */
export type Outcome = 'rejected' | 'indeterminate';

/** Numbers and names that belong to the failure; they go into logs and JSON as they are. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface WalshipErrorOptions {
  readonly details?: ErrorDetails;
  /** Set on failed writes only. */
  readonly outcome?: Outcome;
  readonly cause?: unknown;
}

/** An expected failure. Its message is lower case, without a full stop, and gives the value found and the value expected. */
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

/** True if `error` is a WalshipError and, if `code` is given, has that code. */
export function isWalshipError(error: unknown, code?: ErrorCode): error is WalshipError {
  return error instanceof WalshipError && (code === undefined || error.code === code);
}
