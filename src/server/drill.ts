/** Handles `POST /v1/drill`: a node that was started for drills breaks itself. Other nodes have no such resource. */
import { WalshipError } from '../errors.ts';
import { readBody } from './body.ts';
import { DISK_PARTS } from '../ports/break-node.ts';
import type { BreakNode, DiskPart, NodeFault } from '../ports/break-node.ts';
import type { Exchange } from './exchange.ts';
import { invalidRequest } from './invalid-request.ts';
import { OTHER_BODY_BYTES_MAX } from './limits.ts';
import { sendJson } from './reply.ts';
import type { Resource } from './router.ts';

/** Longest stall in milliseconds: a stalled event loop answers nobody, not even the order to stop. */
const STALL_MS_MAX = 60_000;
const SLOW_MS_MAX = 60_000;
/** Longest clock jump in milliseconds, about three thousand years. */
const CLOCK_JUMP_MS_MAX = 1e14;

/** Creates the resource, for a node that can be broken. */
export function drillResource(breakNode: BreakNode): Resource {
  const post = async (exchange: Exchange): Promise<void> => {
    exchange.query.finish();
    const limit = { bytesMax: OTHER_BODY_BYTES_MAX, code: 'REQUEST_INVALID' } as const;
    const fault = faultOf(await readBody(exchange, limit));
    await breakNode(fault);
    sendJson(exchange.response, { done: fault.kind });
  };
  return { path: '/v1/drill', methods: { POST: post } };
}

type Members = Readonly<Record<string, unknown>>;

/** The reader of the parameters of each fault. */
const READERS: {
  readonly [K in NodeFault['kind']]: (order: Members) => Extract<NodeFault, { readonly kind: K }>;
} = {
  'disk-full': () => ({ kind: 'disk-full' }),
  'no-inodes': () => ({ kind: 'no-inodes' }),
  'disk-read-only': () => ({ kind: 'disk-read-only' }),
  'disk-slow': (order) => ({
    kind: 'disk-slow',
    ms: numberOf(order, 'ms', { min: 1, max: SLOW_MS_MAX }),
    part: partOf(order),
  }),
  'fsync-error': (order) => ({ kind: 'fsync-error', part: partOf(order) }),
  'heal-disk': () => ({ kind: 'heal-disk' }),
  stall: (order) => ({
    kind: 'stall',
    forMs: numberOf(order, 'forMs', { min: 1, max: STALL_MS_MAX }),
  }),
  'clock-jump': (order) => {
    const bounds = { min: -CLOCK_JUMP_MS_MAX, max: CLOCK_JUMP_MS_MAX };
    return { kind: 'clock-jump', byMs: numberOf(order, 'byMs', bounds) };
  },
  'power-cut': (order) => ({
    kind: 'power-cut',
    seed: numberOf(order, 'seed', { min: 0, max: Number.MAX_SAFE_INTEGER }),
  }),
};

function faultOf(body: Buffer): NodeFault {
  const order = parsed(body);
  const { kind } = order;
  if (!isKind(kind)) throw invalidRequest(`kind must be one of ${Object.keys(READERS).join(', ')}`);
  const fault = READERS[kind](order);
  const unknown = Object.keys(order).find((name) => !Object.hasOwn(fault, name));
  if (unknown !== undefined) throw invalidRequest(`${kind} has no member ${unknown}`);
  return fault;
}

function isKind(kind: unknown): kind is NodeFault['kind'] {
  return typeof kind === 'string' && Object.hasOwn(READERS, kind);
}

function partOf({ part = 'all' }: Members): DiskPart {
  const known = DISK_PARTS.find((name) => name === part);
  if (known === undefined) throw invalidRequest(`part must be one of ${DISK_PARTS.join(', ')}`);
  return known;
}

function parsed(body: Buffer): Members {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new WalshipError('REQUEST_INVALID', 'the body is not JSON', { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw invalidRequest('the body must be an object');
}

function numberOf(
  order: Members,
  name: string,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const value = order[name];
  if (Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max) {
    return Number(value);
  }
  throw invalidRequest(`${name} must be a whole number in [${min}, ${max}]`);
}
