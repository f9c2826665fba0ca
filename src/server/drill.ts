/** Handles `POST /v1/drill`: a node that was started for drills breaks itself. Other nodes have no such resource. */
import { WalshipError } from '../errors.ts';
import { readBody } from './body.ts';
import { DISK_PARTS } from '../ports/break-node.ts';
import type { BreakNode, NodeFault } from '../ports/break-node.ts';
import type { Exchange } from './exchange.ts';
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

function faultOf(body: Buffer): NodeFault {
  const order = parsed(body);
  const [name, ...more] = Object.keys(order);
  if (name === undefined || more.length > 0) throw invalid('the body must have exactly one member');
  const value = order[name];
  switch (name) {
    case 'disk':
      return value === null ? { kind: 'disk-healthy' } : diskFaultOf(objectOf(value, 'disk'));
    case 'stallMs':
      return { kind: 'stall', ms: numberOf(value, name, { min: 1, max: STALL_MS_MAX }) };
    case 'clockJumpMs': {
      const bounds = { min: -CLOCK_JUMP_MS_MAX, max: CLOCK_JUMP_MS_MAX };
      return { kind: 'clock-jump', byMs: numberOf(value, name, bounds) };
    }
    case 'powerCut': {
      const { seed } = objectOf(value, name);
      const bounds = { min: 0, max: Number.MAX_SAFE_INTEGER };
      return { kind: 'power-cut', seed: numberOf(seed, 'seed', bounds) };
    }
    default:
      throw invalid(`unknown fault "${name}"`);
  }
}

function diskFaultOf(disk: Readonly<Record<string, unknown>>): NodeFault {
  const { full, noInodes, readOnly, slowMs, fsyncError, part = 'all' } = disk;
  if (full === true) return { kind: 'disk-full' };
  if (noInodes === true) return { kind: 'no-inodes' };
  if (readOnly === true) return { kind: 'disk-read-only' };
  const drilled = DISK_PARTS.find((name) => name === part);
  if (drilled === undefined) throw invalid(`part must be one of ${DISK_PARTS.join(', ')}`);
  if (fsyncError === true) return { kind: 'sync-fails', part: drilled };
  const ms = numberOf(slowMs, 'slowMs', { min: 1, max: SLOW_MS_MAX });
  return { kind: 'disk-slow', ms, part: drilled };
}

function parsed(body: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new WalshipError('REQUEST_INVALID', 'the body is not JSON', { cause });
  }
  return objectOf(value, 'the body');
}

function objectOf(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw invalid(`${name} must be an object`);
}

function numberOf(
  value: unknown,
  name: string,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  if (Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max) {
    return Number(value);
  }
  throw invalid(`${name} must be a whole number in [${min}, ${max}]`);
}

function invalid(message: string): WalshipError {
  return new WalshipError('REQUEST_INVALID', message);
}
