import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { ERRORS, WalshipError } from '../errors.ts';
import type { Outcome } from '../errors.ts';
import type { Exchange } from './exchange.ts';
import { DISCARD_MS_MAX } from './limits.ts';
import { sendBody } from './sending.ts';

export interface Reply {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Buffer | string;
}

/** Sends a whole answer; a reader that stalls is disconnected. */
export function sendReply(response: ServerResponse, { status, headers, body = '' }: Reply): void {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
  const length = status === 304 ? {} : { 'content-length': bytes.length };
  response.writeHead(status, { 'cache-control': 'no-store', ...length, ...headers });
  // An answer to HEAD has the same headers, and no body to wait for.
  void sendBody(response, bytes);
}

export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  const headers = { 'content-type': 'application/json' };
  sendReply(response, { status, headers, body: `${JSON.stringify(value)}\n` });
}

/** Formats an error as JSON: `code`, `message`, `outcome` on writes, `hint`, then the details. */
export function errorToJson(error: WalshipError, outcome: Outcome | undefined): object {
  const { code, message } = error;
  const fixed = { code, message, ...(outcome === undefined ? {} : { outcome }) };
  const { hint } = error.details;
  // A hint for this case takes precedence over the general one.
  const advice = typeof hint === 'string' ? hint : ERRORS[code].hint;
  return { error: { ...fixed, hint: advice, ...safeDetails(error) } };
}

/** Returns the details without fields that clients decide on. */
function safeDetails({ details }: WalshipError): object {
  const { code: _code, message: _message, outcome: _outcome, hint: _hint, ...rest } = details;
  return rest;
}

export function toWalshipError(error: unknown): WalshipError {
  if (error instanceof WalshipError) return error;
  return new WalshipError('INTERNAL', 'the server failed on this request', { cause: error });
}

/** Answers with an error; 307 if a known leader can do what this node cannot. */
export function sendError(exchange: Exchange, error: WalshipError, write: boolean): void {
  const { response, request } = exchange;
  const { location, status } = destination(exchange, error);
  const outcome = write ? outcomeOf(error) : error.outcome;
  const headers: OutgoingHttpHeaders = {
    'content-type': 'application/json',
    ...(location === undefined ? {} : { location }),
  };
  if (hasBody(exchange) && !request.complete) {
    headers['connection'] = 'close';
    discardRest(exchange);
  }
  sendReply(response, {
    status,
    headers,
    body: `${JSON.stringify(errorToJson(error, outcome))}\n`,
  });
}

function destination(
  { target, node }: Exchange,
  error: WalshipError,
): { location?: string; status: number } {
  const { leader } = error.details;
  const own = node.status().voters.find((voter) => voter.nodeId === node.nodeId)?.address;
  if (error.code !== 'NO_LEADER' || typeof leader !== 'string' || leader === own) {
    return { status: ERRORS[error.code].status };
  }
  const query = target.query === '' ? '' : `?${target.query}`;
  // A number sign is an ordinary byte here, but in a Location header the part after it would not be sent.
  const local = `${target.path}${query}`.replaceAll('#', '%23');
  return { status: 307, location: `http://${leader}${local}` };
}

/**
 * Returns the outcome of a failed write. Without an explicit outcome it is rejected only if the request itself was
 * refused.
 */
export function outcomeOf(error: WalshipError): Outcome {
  if (error.outcome !== undefined) return error.outcome;
  return error.code === 'INTERNAL' ? 'indeterminate' : 'rejected';
}

/** Returns true if the request has a body; a request without one is complete only in the next turn. */
function hasBody({ request: { headers } }: Exchange): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/**
 * Reads and discards the rest for a moment, so that a client which is still sending sees the answer, then closes the
 * connection.
 */
function discardRest({ request }: Exchange): void {
  const timer = setTimeout(() => request.socket.destroy(), DISCARD_MS_MAX);
  request.socket.once('close', () => clearTimeout(timer));
  request.on('error', () => {}); // The connection ends here in any case.
  request.resume();
}
