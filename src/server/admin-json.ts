/** Bodies of `POST /v1/admin/…`: one flat JSON object each, or none. */
import { WalshipError } from '../errors.ts';
import { readBody } from './body.ts';
import type { Exchange } from './exchange.ts';
import { OTHER_BODY_BYTES_MAX } from './limits.ts';
import { invalidRequest } from './invalid-request.ts';

/** Expected type of each field. */
export type Shape = Readonly<Record<string, 'boolean' | 'string' | 'count'>>;
type Read<S extends Shape> = {
  readonly [K in keyof S]?: S[K] extends 'boolean'
    ? boolean
    : S[K] extends 'count'
      ? number
      : string;
};

/** Reads the fields of the body; an empty body has none. @throws WalshipError REQUEST_INVALID, naming the field. */
export async function readFields<S extends Shape>(exchange: Exchange, shape: S): Promise<Read<S>> {
  const limit = { bytesMax: OTHER_BODY_BYTES_MAX, code: 'REQUEST_INVALID' } as const;
  const body = await readBody(exchange, limit);
  if (body.length === 0) return {};
  const fields = parse(body);
  for (const [name, value] of Object.entries(fields)) {
    const wanted = shape[name];
    if (wanted === undefined) throw invalidRequest(`${name} is not a field of this request`);
    if (!fits(value, wanted)) throw invalidRequest(`${name} must be a ${wanted}`);
  }
  return fields as Read<S>;
}

function parse(body: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new WalshipError('REQUEST_INVALID', 'the body is not JSON', { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw invalidRequest('the body must be a JSON object');
}

function fits(value: unknown, wanted: Shape[string]): boolean {
  if (wanted === 'count') return Number.isSafeInteger(value) && Number(value) >= 1;
  return typeof value === wanted;
}
