/** Errors of a client for requests that ended without an answer. */
import { ERRORS, WalshipError } from '../errors.ts';
import type { ErrorCode, WalshipErrorOptions } from '../errors.ts';
import type { ClientRequest, ErrorAnswer } from '../protocol/client-messages.ts';

interface Ended {
  readonly kind: ClientRequest['kind'];
  /** True if the request may have reached the node. */
  readonly sent: boolean;
}

/** Converts an error answer of the node to an error. */
export function errorOf(
  { code, message, outcome, details }: ErrorAnswer,
  address: string,
): WalshipError {
  const known = isErrorCode(code);
  return new WalshipError(
    known ? code : 'PROTOCOL_ERROR',
    known ? message : `${address} answered with ${code}: ${message}`,
    { details, ...(outcome === undefined ? {} : { outcome }) },
  );
}

/** Creates the error for a broken link. */
export function lostError(
  { address }: { readonly address: string },
  ended: Ended & { readonly reason: string },
): WalshipError {
  const message = `the connection to ${address} ended: ${ended.reason}`;
  return new WalshipError('PEER_UNREACHABLE', message, {
    ...outcomeOf(ended),
    details: { address },
  });
}

/** Creates the error for a deadline that passed. */
export function silentError({ address }: { readonly address: string }, ended: Ended): WalshipError {
  const code = ended.kind === 'write' && ended.sent ? 'COMMIT_TIMEOUT' : 'WAIT_TIMEOUT';
  const message = `${address} did not answer in time`;
  return new WalshipError(code, message, { ...outcomeOf(ended), details: { address } });
}

/** Creates the error for a call that the caller gave up, or for a closed client. */
export function abortedError(ended: Ended, cause?: unknown): WalshipError {
  const message = cause === undefined ? 'the client was closed' : 'the call was aborted';
  return new WalshipError('ABORTED', message, { ...outcomeOf(ended), cause });
}

function outcomeOf({ kind, sent }: Ended): WalshipErrorOptions {
  return kind === 'write' ? { outcome: sent ? 'indeterminate' : 'rejected' } : {};
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}
