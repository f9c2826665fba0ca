import { WalshipError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { GrowingBuffer } from '../protocol/growing-buffer.ts';
import type { Exchange } from './exchange.ts';
import { ANSWERS_BYTES_MAX, BODIES_BYTES_MAX } from './limits.ts';

export interface BodyLimit {
  readonly bytesMax: number;
  /** Error code for a body over the limit. */
  readonly code: ErrorCode;
}

/**
 * Reads the whole body; its bytes count against the budget until the response is closed.
 * @throws WalshipError the limit's code as soon as that is certain, BUSY, or REQUEST_INVALID if the client broke off.
 */
export async function readBody(exchange: Exchange, limit: BodyLimit): Promise<Buffer> {
  const { request, response, shared } = exchange;
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limit.bytesMax) throw tooLarge(limit, announced);
  if (request.headers['content-encoding'] !== undefined) {
    throw new WalshipError('REQUEST_INVALID', 'a content-encoding, expected none');
  }
  if (request.headers.expect !== undefined) response.writeContinue();

  const body = new GrowingBuffer(announced > 0 ? announced : limit.bytesMax);
  let bytes = 0;
  response.once('close', () => shared.bodies.give(bytes));
  try {
    // By default, leaving the loop destroys the socket, and with it the answer.
    const source = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    for await (const chunk of source) {
      if (bytes + chunk.length > limit.bytesMax) throw tooLarge(limit, bytes + chunk.length);
      if (response.closed) throw new WalshipError('REQUEST_INVALID', 'the client is gone');
      if (!shared.bodies.take(chunk.length)) throw noRoom(shared.bodies.bytes);
      bytes += chunk.length;
      body.add(chunk);
    }
  } catch (error) {
    if (error instanceof WalshipError) throw error;
    throw new WalshipError('REQUEST_INVALID', 'the body ended early', { cause: error });
  }
  return body.finish();
}

function noRoom(bytes: number): WalshipError {
  return new WalshipError('BUSY', `request bodies of ${bytes} bytes are in memory`, {
    details: { bytesMax: BODIES_BYTES_MAX },
  });
}

function tooLarge({ bytesMax, code }: BodyLimit, bytes: number): WalshipError {
  return new WalshipError(code, `a body of ${bytes} bytes or more, at most ${bytesMax}`, {
    details: { bytesMax },
  });
}

/** Counts an answer of this many bytes until its reader has taken it. @throws WalshipError BUSY. */
export function holdAnswer({ response, shared }: Exchange, bytes: number): void {
  if (!shared.unread.take(bytes)) {
    const message = `answers of ${shared.unread.bytes} bytes are in memory`;
    throw new WalshipError('BUSY', message, { details: { bytesMax: ANSWERS_BYTES_MAX } });
  }
  response.once('close', () => shared.unread.give(bytes));
}
