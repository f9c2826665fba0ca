/** Answers to input that no handler can answer. */
import { STATUS_CODES } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ERRORS, WalshipError } from '../errors.ts';
import { SAFE_HEADERS } from './browser-gate.ts';
import { errorToJson, sendJson } from './reply.ts';

/** Answers on a connection that has no response object, and closes it. */
export function refuseBare(
  socket: Duplex,
  error: WalshipError,
  status: number = ERRORS[error.code].status,
): void {
  const body = `${JSON.stringify(errorToJson(error, undefined))}\n`;
  const headers = {
    connection: 'close',
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...SAFE_HEADERS,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}`;
  socket.on('error', () => socket.destroy());
  socket.end(`${head}\r\n${body}`, () => socket.destroy());
}

/** Refuses bytes that are no HTTP request, too many of them, or too slow ones. */
export function refuseNonsense(cause: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || cause.code === 'ECONNRESET') return void socket.destroy();
  const [status, message] = {
    HPE_HEADER_OVERFLOW: [431, 'the headers are too large'] as const,
    ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request took too long to arrive'] as const,
  }[cause.code ?? ''] ?? [400, `not an HTTP request (${cause.code ?? 'unknown'})`];
  refuseBare(socket, new WalshipError('REQUEST_INVALID', message), status);
}

/** Refuses an `Expect` header other than `100-continue`. */
export function refuseExpectation(request: IncomingMessage, response: ServerResponse): void {
  const { headers, method } = request;
  const message = `Expect is "${headers.expect ?? ''}", expected 100-continue`;
  const error = new WalshipError('REQUEST_INVALID', message);
  for (const [name, value] of Object.entries(SAFE_HEADERS)) response.setHeader(name, value);
  // The body may never come, so the start of the next request would not be found.
  response.setHeader('connection', 'close');
  const isRead = method === 'GET' || method === 'HEAD';
  sendJson(response, errorToJson(error, isRead ? undefined : 'rejected'), 417);
}
