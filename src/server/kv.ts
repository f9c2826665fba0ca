/** Handles `PUT`, `GET` and `DELETE` of one key: `/v1/kv/{key}`, or `/v1/kv?key64=`. */
import { WalshipError } from '../errors.ts';
import { formatVersion } from '../wal/format/position.ts';
import { holdAnswer, readBody } from './body.ts';
import { VALUE_HEADERS } from './browser-gate.ts';
import { clientHas, conditionsOf, etagOf } from './conditions.ts';
import type { Exchange } from './exchange.ts';
import { keyOf } from './keys.ts';
import { OTHER_BODY_BYTES_MAX, VALUE_BODY_BYTES_MAX } from './limits.ts';
import { sendReply } from './reply.ts';
import { answerWrite, levelOf, refuseEarly } from './write.ts';

export async function putKey(exchange: Exchange): Promise<void> {
  const key = keyOf(exchange);
  const conditions = conditionsOf(exchange, key);
  const level = levelOf(exchange.query);
  exchange.query.finish();
  const limit = { bytesMax: VALUE_BODY_BYTES_MAX, code: 'VALUE_TOO_LARGE' } as const;
  refuseEarly(exchange);
  const value = await readBody(exchange, limit);
  await answerWrite(exchange, { conditions, ops: [{ op: 'put', key, value }], ...level });
}

export async function deleteKey(exchange: Exchange): Promise<void> {
  const key = keyOf(exchange);
  const conditions = conditionsOf(exchange, key);
  const level = levelOf(exchange.query);
  exchange.query.finish();
  refuseEarly(exchange);
  await readBody(exchange, { bytesMax: OTHER_BODY_BYTES_MAX, code: 'REQUEST_INVALID' });
  const value = Buffer.alloc(0);
  await answerWrite(exchange, { conditions, ops: [{ op: 'delete', key, value }], ...level });
}

export async function getKey(exchange: Exchange): Promise<void> {
  const { node, query, response } = exchange;
  const key = keyOf(exchange);
  const level = query.choice('read', ['local', 'linearizable']);
  const minVersion = query.version('minVersion');
  const timeoutMs = query.timeoutMs();
  query.finish();
  const { found, applied } = await node.read({
    key,
    level,
    timeoutMs,
    ...(minVersion === undefined ? {} : { minVersion }),
  });
  response.setHeader('walship-version', formatVersion(applied));
  if (found === undefined) {
    throw new WalshipError('KEY_NOT_FOUND', `the key does not exist at ${formatVersion(applied)}`);
  }
  const headers = {
    etag: etagOf(found.version),
    'content-type': 'application/octet-stream',
    ...VALUE_HEADERS,
  };
  if (clientHas(exchange, found.version)) return sendReply(response, { status: 304, headers });
  holdAnswer(exchange, found.value.length);
  sendReply(response, { status: 200, headers, body: found.value });
}
