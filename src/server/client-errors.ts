import { WalshipError } from '../errors.ts';
import type { ClientRequest, ErrorAnswer } from '../protocol/client-messages.ts';
import type { UnfinishedRequest } from '../protocol/client-requests.ts';

type Kind = (ClientRequest | UnfinishedRequest)['kind'];

/** Returns true for a request whose answer needs an outcome: only writes are decoded in several turns. */
export function isWrite(kind: Kind): boolean {
  return kind === 'write' || kind === 'unfinished';
}

export function errorAnswer({ code, message, outcome, details }: WalshipError): ErrorAnswer {
  return { kind: 'error', code, message, outcome, details };
}

/** Creates a BUSY answer without an error and its stack: there may be thousands of them in one turn. */
export function busy(message: string): ErrorAnswer {
  return { kind: 'error', code: 'BUSY', message, outcome: 'rejected', details: {} };
}

export function shuttingDown(kind: Kind): WalshipError {
  const outcome = isWrite(kind) ? ({ outcome: 'rejected' } as const) : {};
  return new WalshipError('NODE_CLOSED', 'the node is shutting down', outcome);
}
