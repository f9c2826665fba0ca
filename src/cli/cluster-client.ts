/**
 * Requests of the commands to a cluster: any node will do, the leader is followed.
 *
 * After a node that certainly did nothing (it cannot be reached, or it answers `rejected`), the next one is asked.
 * A write without that certainty is never sent twice: it ends as indeterminate.
 */
import { parseNode, unreachableHint } from '../client/node-address.ts';
import type { GivenNode } from '../client/node-address.ts';
import { WalshipError } from '../errors.ts';
import type { Outcome } from '../errors.ts';
import { isKnownCode } from './report-error.ts';

/** A request; fields of `query` that are undefined are left out. */
export interface ClusterRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE' | 'POST';
  /** Path that begins with a slash; already percent-encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Milliseconds to wait for the whole answer. 0: without limit. */
  readonly timeoutMs: number;
}

/** Number of times that one request may be redirected to a leader. */
const REDIRECTS_MAX = 3;
/** Codes of a node that wrote nothing and where another node may know better. */
const TRY_NEXT_CODES = new Set(['NO_LEADER', 'NODE_CLOSED']);

/** Client that asks the nodes at `urls` in turn. */
export class ClusterClient {
  readonly nodes: readonly GivenNode[];

  /** Creates a client. @throws WalshipError CONFIG_INVALID if one of the addresses is invalid. */
  constructor(urls: readonly string[]) {
    this.nodes = urls.flatMap((list) => list.split(',')).map(parseNode);
  }

  get urls(): readonly string[] {
    return this.nodes.map(({ address }) => `http://${address}`);
  }

  /**
   * Resolves with the first answer that is a success; its body is not yet read.
   * @throws WalshipError with the server's code, or PEER_UNREACHABLE, WAIT_TIMEOUT, COMMIT_TIMEOUT, PROTOCOL_ERROR.
   */
  async request(request: ClusterRequest): Promise<Response> {
    const failures: WalshipError[] = [];
    for (const url of this.urls) {
      try {
        return await this.#send(url, request);
      } catch (error) {
        if (!(error instanceof WalshipError) || !mayTryNext(error, request)) throw error;
        failures.push(error);
      }
    }
    // A node that answered knows more than one that did not.
    const told = failures.find((failure) => failure.code !== 'PEER_UNREACHABLE');
    if (told !== undefined || failures.length <= 1) throw told ?? failures[0];
    const outcome = isWrite(request) ? ({ outcome: 'rejected' } as const) : {};
    const message = failures.map((failure) => failure.message).join('; ');
    const hint = failures.find(({ details }) => details['hint'] !== undefined)?.details ?? {};
    throw new WalshipError('PEER_UNREACHABLE', message, { ...outcome, details: hint });
  }

  /** Sends a request, and parses the JSON of the answer. */
  async json(request: ClusterRequest): Promise<unknown> {
    const response = await this.request(request);
    try {
      return await response.json();
    } catch (cause) {
      throw new WalshipError('PROTOCOL_ERROR', `${response.url} did not answer with JSON`, {
        cause,
      });
    }
  }

  async #send(origin: string, request: ClusterRequest): Promise<Response> {
    let target = new URL(request.path, origin);
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) target.searchParams.set(name, String(value));
    }
    for (let hop = 0; hop <= REDIRECTS_MAX; hop += 1) {
      const response = await fetchOnce(target, request);
      const location = response.headers.get('location');
      if (response.status !== 307 || location === null) {
        if (response.ok) return response;
        throw await errorOf(response, request);
      }
      const named = parseError(await response.text())?.['leaderId'];
      target = new URL(location, target);
      // A node with a given id is always reached at its given address.
      const given = this.nodes.find(({ nodeId }) => nodeId !== undefined && nodeId === named);
      if (given !== undefined) target.host = given.address;
    }
    const outcome = isWrite(request) ? ({ outcome: 'rejected' } as const) : {};
    const message = `${origin} led to ${REDIRECTS_MAX} other nodes and to no leader`;
    throw new WalshipError('NO_LEADER', message, outcome);
  }
}

function isWrite({ method }: ClusterRequest): boolean {
  return method !== 'GET';
}

function mayTryNext(error: WalshipError, request: ClusterRequest): boolean {
  if (error.outcome === 'indeterminate') return false;
  if (error.code === 'PEER_UNREACHABLE') return true;
  return TRY_NEXT_CODES.has(error.code) && (!isWrite(request) || error.outcome === 'rejected');
}

async function fetchOnce(target: URL, request: ClusterRequest): Promise<Response> {
  const { method, headers, body, timeoutMs } = request;
  try {
    return await fetch(target, {
      method,
      redirect: 'manual',
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body }),
      ...(timeoutMs === 0 ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
    });
  } catch (cause) {
    throw unreachable(target, request, cause);
  }
}

/** Errors of a connection that was never made: the request was certainly not read. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function unreachable(target: URL, request: ClusterRequest, cause: unknown): WalshipError {
  const code = errnoOf(cause);
  const timedOut = cause instanceof Error && cause.name === 'TimeoutError';
  const surelyNothing = NOT_SENT.has(code);
  const outcome: { outcome?: Outcome } = isWrite(request)
    ? { outcome: surelyNothing ? 'rejected' : 'indeterminate' }
    : {};
  if (timedOut) {
    const message = `${target.host} did not answer within ${request.timeoutMs} ms`;
    return new WalshipError(isWrite(request) ? 'COMMIT_TIMEOUT' : 'WAIT_TIMEOUT', message, {
      ...outcome,
      cause,
    });
  }
  const message = `${target.host} did not answer (${code === '' ? String(cause) : code})`;
  const details = cause instanceof Error ? unreachableHint(cause.cause) : {};
  return new WalshipError('PEER_UNREACHABLE', message, { ...outcome, details, cause });
}

function errnoOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : '';
}

async function errorOf(response: Response, request: ClusterRequest): Promise<WalshipError> {
  const text = await response.text().catch(() => '');
  const parsed = parseError(text);
  if (parsed === undefined) {
    const message = `${response.url} answered ${response.status} without a walship error`;
    const outcome = isWrite(request) ? ({ outcome: 'indeterminate' } as const) : {};
    return new WalshipError('PROTOCOL_ERROR', message, outcome);
  }
  const { code, message, outcome, ...details } = parsed;
  const known = isKnownCode(code);
  return new WalshipError(
    known ? code : 'PROTOCOL_ERROR',
    known ? String(message) : `${String(code)}: ${String(message)}`,
    {
      details,
      ...(outcome === 'rejected' || outcome === 'indeterminate' ? { outcome } : {}),
    },
  );
}

function parseError(text: string): Record<string, unknown> | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === 'object' && error !== null
      ? (error as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined; // A proxy's page, or nothing: the caller reports it.
  }
}
