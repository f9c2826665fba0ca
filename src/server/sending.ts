import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Turns } from '../ports/turns.ts';
import { KiB } from '../ports/units.ts';
import { SEND_STALL_MS_MAX } from './limits.ts';

/** Bytes given to the network at once: a reader that takes this many is not stalled. */
export const PIECE_BYTES = 64 * KiB;
/** Number of pieces written in one turn of the event loop. */
const TURN_PIECES = 16;

/** Sends the rest of an answer. A reader that takes no piece of it for SEND_STALL_MS_MAX is disconnected. */
export async function sendBody(response: ServerResponse, body: Buffer): Promise<void> {
  for (let start = 0; body.length - start > PIECE_BYTES; start += PIECE_BYTES) {
    await sendPiece(response, body.subarray(start, start + PIECE_BYTES));
  }
  const rest = body.length % PIECE_BYTES || PIECE_BYTES;
  endAnswer(response, body.subarray(Math.max(0, body.length - rest)));
}

/**
 * Sends an answer like `sendBody`, but made piece by piece; the caller ends the answer. Others get their turn between
 * pieces.
 */
export async function sendPieces(
  response: ServerResponse,
  pieces: Iterable<Buffer>,
  turns: Turns,
): Promise<void> {
  let count = 0;
  for (const piece of pieces) {
    await sendPiece(response, piece);
    if (response.destroyed) return;
    count += 1;
    if (count % TURN_PIECES === 0) await turns.next();
  }
}

/** Ends an answer with its last piece, and waits for its reader no longer than for any other piece. */
export function endAnswer(response: ServerResponse, last?: Buffer): void {
  if (response.destroyed) return;
  const unlimited = limitStall(response);
  response.once('close', unlimited);
  response.end(last);
}

async function sendPiece(response: ServerResponse, piece: Buffer): Promise<void> {
  if (response.destroyed) return;
  response.write(piece);
  if (response.writableNeedDrain) await drained(response);
}

/** Resolves when the reader takes more, or is gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const unlimited = limitStall(response);
    const done = (): void => {
      unlimited();
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
    if (response.closed) done();
  });
}

/**
 * Disconnects the reader after SEND_STALL_MS_MAX, unless the returned function is called before. The connection is
 * reset: bytes sent and not taken would otherwise stay in the kernel for as long as the reader is connected.
 */
function limitStall(response: ServerResponse): () => void {
  let timer: NodeJS.Timeout | undefined;
  const limit = (socket: Socket): void => {
    timer = setTimeout(() => socket.resetAndDestroy(), SEND_STALL_MS_MAX);
  };
  // A pipelined answer has no connection before the previous one is sent: the reader cannot take anything yet.
  if (response.socket === null) response.once('socket', limit);
  else limit(response.socket);
  return () => {
    response.off('socket', limit);
    clearTimeout(timer);
  };
}
