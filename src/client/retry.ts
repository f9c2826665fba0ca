/**
 * Decides the reaction to a failed attempt: the only place where a client decides to repeat a request.
 *
 * A write is repeated only if it was certainly not written, or if it cannot be written twice: its conditions name the
 * exact version of a key that it changes. The first attempt that succeeds replaces that version, and versions never
 * come back. `absent` and `present` do come back (one client deletes, another puts), so they make no repeat safe.
 */
import type { ErrorCode, Outcome } from '../errors.ts';
import { comparePositions, parseVersion } from '../wal/format/position.ts';
import type { Version } from '../wal/format/position.ts';

export interface Failure {
  readonly code: ErrorCode;
  readonly outcome: Outcome | undefined;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface FailedAttempt {
  readonly kind: 'read' | 'write';
  /** True for a write that can have an effect only once, however often it is sent. */
  readonly guarded: boolean;
  readonly ack: 'local' | 'quorum' | 'all';
  readonly failure: Failure;
  /** True if an earlier attempt of this write may have been written. */
  readonly unsure: boolean;
  /** Number of attempts so far, this one included. */
  readonly attempts: number;
  /** Number of nodes that may be asked. */
  readonly nodes: number;
  readonly leftMs: number;
  /** Version that the client knew to be committed before it sent the first attempt of a write. */
  readonly knewVersion: Version | undefined;
}

export type Decision =
  /**
   * Send it again, to the same node or to the next one (the leader if the failure names it), after a pause or at
   * once.
   */
  | { readonly kind: 'again'; readonly where: 'here' | 'next'; readonly pause: boolean }
  /** Ask for the state of this version: committed is acknowledged, replaced is certainly not written. */
  | { readonly kind: 'resolve'; readonly version: Version }
  | { readonly kind: 'give-up'; readonly outcome: Outcome | undefined };

/**
 * Codes after which another attempt may find another node, or this one in a better state. A write is repeated only if
 * it was rejected.
 */
const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'BUSY',
  'DISK_FAILED',
  'NODE_CLOSED',
  'NOT_READY',
  'NO_LEADER',
  'NO_QUORUM',
  'PEER_UNREACHABLE',
  'STALE_EPOCH',
  'UNSUPPORTED_VERSION',
  'WAIT_TIMEOUT',
  'WRONG_CLUSTER',
]);

/**
 * Number of redirects that are followed at once; then comes a pause, since two nodes may take each other for the
 * leader.
 */
const REDIRECTS_AT_ONCE = 3;

/** Decides the reaction to a failed attempt; pure. */
export function decide(attempt: FailedAttempt): Decision {
  return attempt.kind === 'read' ? decideRead(attempt) : decideWrite(attempt);
}

/** Returns true if the failure names the leader. */
function namesLeader({ code, details }: Failure): boolean {
  return code === 'NO_LEADER' && typeof details['leader'] === 'string';
}

function decideRead(attempt: FailedAttempt): Decision {
  const { failure, leftMs } = attempt;
  if (leftMs <= 0 || !PASSING.has(failure.code)) return { kind: 'give-up', outcome: undefined };
  return again(attempt);
}

function decideWrite(attempt: FailedAttempt): Decision {
  const { failure, leftMs, unsure, guarded, ack } = attempt;
  if (failure.outcome !== 'rejected') {
    const version = versionOf(failure);
    const giveUp = { kind: 'give-up', outcome: 'indeterminate' } as const;
    if (leftMs <= 0) return giveUp;
    // A commit would not prove that every voter has it.
    if (version !== undefined) return ack === 'all' ? giveUp : { kind: 'resolve', version };
    return guarded ? again(attempt) : giveUp;
  }
  if (leftMs > 0 && PASSING.has(failure.code)) return again(attempt);
  return { kind: 'give-up', outcome: unsure && mayBeOurs(attempt) ? 'indeterminate' : 'rejected' };
}

function again({ failure, attempts, nodes }: FailedAttempt): Decision {
  if (failure.code === 'BUSY') return { kind: 'again', where: 'here', pause: true };
  const pause = namesLeader(failure) ? attempts % REDIRECTS_AT_ONCE === 0 : attempts % nodes === 0;
  return { kind: 'again', where: 'next', pause };
}

/**
 * Returns true if the earlier attempt, whose outcome is unknown, may have been written. A judged condition tells
 * more: a write based on a replaced version was cut off with it, and a key that did not change since before the first
 * attempt was not changed by it.
 */
function mayBeOurs({ failure, knewVersion }: FailedAttempt): boolean {
  if (failure.code === 'LSN_REPLACED') return false;
  if (failure.code !== 'CONDITION_FAILED' || knewVersion === undefined) return true;
  const current = versionOf(failure);
  return current === undefined || comparePositions(current, knewVersion) > 0;
}

function versionOf({ details }: Failure): Version | undefined {
  const { version } = details;
  return typeof version === 'string' ? parseVersion(version) : undefined;
}

/** First pause in milliseconds; each further one is twice as long. */
const PAUSE_MS_FIRST = 20;
/** Longest pause in milliseconds. */
export const PAUSE_MS_MAX = 500;

/**
 * Returns the length of the next pause, at most `leftMs`; `fraction` in [0, 1) spreads clients that failed together.
 */
export function pauseMs(pauses: number, fraction: number, leftMs: number): number {
  const full = Math.min(PAUSE_MS_MAX, PAUSE_MS_FIRST * 2 ** Math.min(pauses, 10));
  return Math.min(leftMs, full / 2 + (fraction * full) / 2);
}
