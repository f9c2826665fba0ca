import { readBody } from './body.ts';
import type { Exchange } from './exchange.ts';
import { TXN_BODY_BYTES_MAX } from './limits.ts';
import { parseTransaction } from './txn-json.ts';
import { answerWrite, levelOf, refuseEarly } from './write.ts';

/** Handles `POST /v1/txn`: all operations or none. */
export async function postTransaction(exchange: Exchange): Promise<void> {
  const level = levelOf(exchange.query);
  exchange.query.finish();
  const limit = { bytesMax: TXN_BODY_BYTES_MAX, code: 'TXN_TOO_LARGE' } as const;
  refuseEarly(exchange);
  const body = await readBody(exchange, limit);
  const transaction = await exchange.shared.turns.run(parseTransaction(body));
  await answerWrite(exchange, { ...transaction, ...level });
}
