/** What a client says of requests that ended without an answer of their own. */
import { ERRORS, WalshipError } from '../errors.ts';
import type { ErrorCode, WalshipErrorOptions } from '../errors.ts';
import type { ClientRequest, ErrorAnswer } from '../protocol/client-messages.ts';

interface Ended {
  readonly kind: ClientRequest['kind'];
  /** It may have reached the node. */
  readonly sent: boolean;
}

/** The error that the node answered with. */
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

/** The link broke. */
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

/** The deadline passed. */
export function silentError({ address }: { readonly address: string }, ended: Ended): WalshipError {
  const code = ended.kind === 'write' && ended.sent ? 'COMMIT_TIMEOUT' : 'WAIT_TIMEOUT';
  const message = `${address} did not answer in time`;
  return new WalshipError(code, message, { ...outcomeOf(ended), details: { address } });
}

/** The caller gave up, or the client was closed. */
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
