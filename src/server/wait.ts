import { WalshipError } from '../errors.ts';
import { formatVersion } from '../wal/format/position.ts';
import type { Exchange } from './exchange.ts';
import { sendJson } from './reply.ts';

/** `GET /v1/wait`: answers when a version has reached a level on this node. */
export async function wait({ node, query, response }: Exchange): Promise<void> {
  const version = query.version('version');
  const level = query.choice('level', ['committed', 'durable', 'applied']);
  const timeoutMs = query.timeoutMs();
  query.finish();
  if (version === undefined) {
    throw new WalshipError('REQUEST_INVALID', 'parameter version is missing');
  }
  const reached = await node.wait({ version, level, timeoutMs });
  sendJson(response, { version: formatVersion(version), level, reached: formatVersion(reached) });
}
