import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { SEND_STALL_MS_MAX } from './limits.ts';

/**
 * Disconnects the reader of an answer once it has taken nothing of it for SEND_STALL_MS_MAX; one that takes some, however slowly, is waited for.
 * The result ends that.
 */
export function limitStall(response: ServerResponse): () => void {
  const limit = (socket: Socket): void => void socket.setTimeout(SEND_STALL_MS_MAX);
  // An answer behind another one has no connection before that is sent.
  if (response.socket === null) response.once('socket', limit);
  else limit(response.socket);
  return () => {
    response.off('socket', limit);
    response.socket?.setTimeout(0);
  };
}

/** An answer that waits behind another one does not inherit its limit: nothing is there to be taken yet. */
export function beginUnlimited(response: ServerResponse): void {
  response.once('socket', (socket: Socket) => void socket.setTimeout(0));
}
