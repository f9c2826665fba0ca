import { WalshipError } from '../errors.ts';
import type { AckLevel, WriteRequest } from '../node/api/api.ts';
import { formatVersion } from '../wal/format/position.ts';
import type { Exchange } from './exchange.ts';
import type { Query } from './query.ts';
import { sendJson, toWalshipError } from './reply.ts';

/** Reads `?ack=` and `?timeoutMs=`. */
export function levelOf(query: Query): { ack: AckLevel; timeoutMs: number } {
  return { ack: query.choice('ack', ['quorum', 'local', 'all']), timeoutMs: query.timeoutMs() };
}

/** Refuses a write before its body is asked for or read, where this node does not lead. @throws WalshipError NO_LEADER. */
export function refuseEarly({ node }: Exchange): void {
  const refusal = node.writeRefusal();
  if (refusal !== undefined) throw refusal;
}

/** Writes, and answers with the version. @throws WalshipError, always with an outcome. */
export async function answerWrite(exchange: Exchange, request: WriteRequest): Promise<void> {
  const { version, ack, durableOn } = await write(exchange, request);
  const text = formatVersion(version);
  exchange.response.setHeader('etag', `"${text}"`);
  sendJson(exchange.response, { version: text, ...version, ack, durableOn });
}

async function write({ node, shared }: Exchange, request: WriteRequest) {
  try {
    const startMs = performance.now();
    const result = await node.write(request);
    shared.answers.wrote(request.ack, (performance.now() - startMs) / 1000);
    return result;
  } catch (cause) {
    const error = toWalshipError(cause);
    if (error.outcome !== undefined) throw error;
    // Nobody said that nothing was written, so it must not be claimed.
    const { code, message, details } = error;
    throw new WalshipError(code, message, { details, outcome: 'indeterminate', cause });
  }
}
