/**
 * What to do when an attempt failed: the one place where a client decides to send something again.
 *
 * A write is sent again only where it is certain that it was not written, or where it cannot be written twice: its conditions name the
 * exact version of a key that it changes. Whichever attempt gets through makes that version the past, and versions never come
 * back. `absent` and `present` do come back (somebody deletes, somebody puts), so they make nothing safe to repeat.
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
  /** Of a write: whether it can have an effect only once, however often it is sent. */
  readonly guarded: boolean;
  readonly ack: 'local' | 'quorum' | 'all';
  readonly failure: Failure;
  /** An earlier attempt of this write may have been written. */
  readonly unsure: boolean;
  /** Attempts so far, this one included. */
  readonly attempts: number;
  /** Nodes that may be asked. */
  readonly nodes: number;
  readonly leftMs: number;
  /** Of a write: what the client knew to be committed before it sent the first attempt. */
  readonly knewVersion: Version | undefined;
}

export type Decision =
  /** Send it again, to the same node or to the next one (the leader where the failure names it), after a pause or at once. */
  | { readonly kind: 'again'; readonly where: 'here' | 'next'; readonly pause: boolean }
  /** Ask what became of this version: committed is acknowledged, replaced is certainly not written. */
  | { readonly kind: 'resolve'; readonly version: Version }
  | { readonly kind: 'give-up'; readonly outcome: Outcome | undefined };

/** The next attempt may find another node, or this one in a better state. With a write: as long as it was rejected. */
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

/** Redirects that are followed at once; then a pause, since two nodes may take each other for the leader. */
const REDIRECTS_AT_ONCE = 3;

/** Decides; pure. */
export function decide(attempt: FailedAttempt): Decision {
  return attempt.kind === 'read' ? decideRead(attempt) : decideWrite(attempt);
}

/** Whether the failure names who leads. */
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
    // That it is committed would not say that every voter has it.
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
 * Whether the earlier attempt, of which nothing is known, may have been written. A condition that is judged says more: what a
 * replaced version led to was cut off with it, and a key that did not change since before the first attempt was not changed by it.
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

/** Pauses grow from this… */
const PAUSE_MS_FIRST = 20;
/** …to this. */
export const PAUSE_MS_MAX = 500;

/** How long the next pause is, at most `leftMs`; `fraction` in [0, 1) spreads those who failed together. */
export function pauseMs(pauses: number, fraction: number, leftMs: number): number {
  const full = Math.min(PAUSE_MS_MAX, PAUSE_MS_FIRST * 2 ** Math.min(pauses, 10));
  return Math.min(leftMs, full / 2 + (fraction * full) / 2);
}
