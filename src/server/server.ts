/** Serves the HTTP interface and the replication links of one node, on one port. */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WalshipError } from '../errors.ts';
import type { NodeApi } from '../node/api/api.ts';
import type { Bound } from '../node/api/bounds.ts';
import type { Timings } from '../node/timings.ts';
import { SystemClock } from '../ports/system-clock.ts';
import { Turns } from '../ports/turns.ts';
import { CLIENT_PATH, LinkAcceptor, LINKS_MAX } from '../ports/ws-link.ts';
import { CLIENT_CHUNK_BYTES_MAX } from '../protocol/client-messages.ts';
import { ByteBudget } from './byte-budget.ts';
import type { BreakNode } from '../ports/break-node.ts';
import { HostNames, SAFE_HEADERS, gatedRequest, judgeOrigin } from './browser-gate.ts';
import { Connections } from './connections.ts';
import { EventLoopDelay } from './event-loop-delay.ts';
import { ClientSessions } from './client-sessions.ts';
import type { Exchange } from './exchange.ts';
import * as limits from './limits.ts';
import { Metrics } from './metrics.ts';
import type { DataFacts } from './metrics.ts';
import { Query } from './query.ts';
import { refuseBare, refuseExpectation, refuseNonsense } from './refuse.ts';
import { outcomeOf, sendError, toWalshipError } from './reply.ts';
import { resources } from './resources.ts';
import { Router } from './router.ts';
import type { Routed } from './router.ts';
import { parseTarget } from './target.ts';
import { Unanswered } from './unanswered.ts';

/** Log of the server itself: only its own failures, nothing per request. */
export interface ServerLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ServerOptions {
  readonly node: NodeApi;
  readonly host: string;
  /** Port to listen on; 0: any free one. */
  readonly port: number;
  /**
   * Names under which clients and nodes reach it, besides `host`, `localhost` and IP addresses; `*.suffix` for all
   * below.
   */
  readonly hostNames?: readonly string[];
  readonly log: ServerLog;
  /** Number of sockets of all kinds; default CONNECTIONS_MAX. */
  readonly connectionsMax?: number;
  /** Timings that the node was given to measure with; for the metrics. */
  readonly timings?: Timings;
  /** Version of the program, for the metrics. */
  readonly version?: string;
  /** Reads facts about the data directory, for the metrics; `snapshotLsn` names the newest snapshot, or is 0. */
  readonly dataFacts?: (snapshotLsn: number) => Promise<DataFacts>;
  /** Breaks a node that was started for drills, as they ask; absent otherwise. */
  readonly breakNode?: BreakNode;
}

export interface RunningServer {
  /** Address on which it listens; the port differs from the requested one if that was 0. */
  readonly address: { readonly host: string; readonly port: number };
  /**
   * Takes no new requests, ends watches, waits for requests in flight up to CLOSE_MS_MAX, then cuts the rest and
   * closes the links. Does not close the node. Idempotent.
   */
  close(): Promise<void>;
}

/**
 * Starts a server; resolves when it listens.
 * @throws WalshipError PORT_IN_USE, CONFIG_INVALID if it cannot listen on the address.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const server = new HttpServer(options);
  await server.listen();
  return server;
}

class HttpServer implements RunningServer {
  readonly #options: ServerOptions;
  readonly #server: Server;
  readonly #links = new LinkAcceptor();
  readonly #clientLinks = new LinkAcceptor({
    path: CLIENT_PATH,
    linksMax: limits.CLIENT_LINKS_MAX,
    whenFull: 'refuse',
    messageBytesMax: CLIENT_CHUNK_BYTES_MAX,
  });
  readonly #clients: ClientSessions;
  readonly #router: Router;
  readonly #metrics: Metrics;
  readonly #hostNames: HostNames;
  readonly #delay = new EventLoopDelay();
  readonly #shared: Exchange['shared'];
  /** Controllers of the requests in flight; each aborts when its client is gone or the server closes. */
  readonly #inFlight = new Set<AbortController>();
  readonly #unanswered = new Unanswered();
  readonly #connections: Connections;
  #address = { host: '', port: 0 };
  #closing = false;
  #onIdle: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#hostNames = new HostNames([options.host, ...(options.hostNames ?? [])]);
    this.#connections = new Connections(options.connectionsMax ?? limits.CONNECTIONS_MAX);
    const clock = new SystemClock();
    this.#metrics = new Metrics(options.node, {
      watchers: () => this.#shared.watchers,
      delay: () => this.#delay.read(),
      timings: options.timings,
      version: options.version,
      dataFacts: options.dataFacts,
    });
    this.#shared = {
      bodies: new ByteBudget(limits.BODIES_BYTES_MAX),
      unread: new ByteBudget(limits.ANSWERS_BYTES_MAX),
      watchers: 0,
      turns: new Turns(clock),
      answers: this.#metrics,
      delay: this.#delay,
    };
    this.#clients = new ClientSessions({
      ...options,
      clock,
      shared: this.#shared,
    });
    options.node.bounds.add(...this.#bounds());
    this.#router = new Router(resources(this.#metrics, options.breakNode));
    this.#server = createServer({
      maxHeaderSize: limits.HEADER_BYTES_MAX,
      headersTimeout: limits.HEADERS_MS_MAX,
      requestTimeout: limits.REQUEST_MS_MAX,
      keepAliveTimeout: limits.KEEP_ALIVE_MS,
      connectionsCheckingInterval: limits.TIMEOUT_CHECK_MS,
      // Node's own refusal has no body: our gate refuses instead.
      requireHostHeader: false,
    });
    // Node silently drops headers beyond a number, and a condition may be among them. Their bytes are bounded.
    this.#server.maxHeadersCount = 0;
    this.#server.on('connection', (socket) => this.#connections.admit(socket));
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
      void this.#answer(request, response);
    };
    this.#server.on('request', onRequest);
    // A client asks first whether a body is welcome: it is read only once the request is found to be legal.
    this.#server.on('checkContinue', onRequest);
    this.#server.on('checkExpectation', refuseExpectation);
    this.#server.on('clientError', (error, socket) => {
      if (this.#unanswered.mayTell(socket)) refuseNonsense(error, socket);
      else socket.destroy();
    });
    this.#server.on('upgrade', (request, socket, head) => {
      const refusal = judgeOrigin(gatedRequest(request), this.#hostNames);
      if (refusal !== undefined) return refuseBare(socket, refusal);
      this.#connections.busy(request.socket);
      if (this.#clientLinks.takes(request)) {
        if (this.#connections.full) return refuseBare(socket, crowded(this.#connections));
        this.#clientLinks.upgrade(request, socket, head, (link) => this.#clients.accept(link));
      } else {
        this.#links.upgrade(request, socket, head, (link) => options.node.accept(link));
      }
    });
  }

  #bounds(): readonly Bound[] {
    const { bodies, unread } = this.#shared;
    const { CLIENT_LINKS_MAX, WATCHERS_MAX, BODIES_BYTES_MAX, ANSWERS_BYTES_MAX } = limits;
    const { max } = this.#connections;
    return [
      { name: 'connections', max, used: () => this.#connections.count },
      { name: 'links of clients', max: CLIENT_LINKS_MAX, used: () => this.#clientLinks.count },
      { name: 'links of nodes', max: LINKS_MAX, used: () => this.#links.count },
      { name: 'watches', max: WATCHERS_MAX, used: () => this.#shared.watchers },
      { name: 'bytes of requests', max: BODIES_BYTES_MAX, used: () => bodies.bytes },
      { name: 'bytes of answers', max: ANSWERS_BYTES_MAX, used: () => unread.bytes },
    ];
  }

  /** Address, kept because a closed server no longer knows it. */
  get address(): { host: string; port: number } {
    return this.#address;
  }

  listen(): Promise<void> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      const onError = (cause: Error): void => reject(listenError(cause, `${host}:${port}`));
      this.#server.once('error', onError);
      this.#server.listen({ host, port }, () => {
        const { address, port } = this.#server.address() as AddressInfo;
        this.#address = { host: address, port };
        this.#server.off('error', onError);
        this.#server.on('error', (err) => this.#options.log.error({ err }, 'server failed'));
        resolve();
      });
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const drained = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#closing = true;
    for (const request of this.#inFlight) request.abort();
    const timer = setTimeout(() => this.#server.closeAllConnections(), limits.CLOSE_MS_MAX);
    await Promise.all([this.#idle(), this.#clients.drain(limits.CLOSE_MS_MAX)]);
    this.#clientLinks.close('NODE_CLOSED: the node is shutting down');
    // Links are no requests: they would keep the server open for as long as the peers are connected.
    this.#links.close('the node is shutting down');
    // No request is in flight now. Node does not count a connection that never carried a request as idle, and would
    // wait for it.
    this.#server.closeAllConnections();
    await drained;
    clearTimeout(timer);
    this.#delay.close();
  }

  /** Resolves when no request is in flight. */
  #idle(): Promise<void> {
    if (this.#inFlight.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onIdle = resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Thousands of requests may come in one packet, and the parser delivers each of them.
    if (this.#unanswered.count(request.socket) >= limits.PIPELINED_MAX) request.socket.destroy();
    if (request.socket.destroyed) return;
    const startedAt = performance.now();
    const gone = new AbortController();
    this.#inFlight.add(gone);
    const before = this.#unanswered.add(request, response);
    const { socket } = request;
    this.#connections.busy(socket);
    let route = 'none';
    response.once('close', () => {
      gone.abort();
      this.#shared.answers.count(
        route,
        response.statusCode,
        (performance.now() - startedAt) / 1000,
      );
      this.#inFlight.delete(gone);
      this.#connections.answered(socket);
      if (this.#inFlight.size === 0) this.#onIdle?.();
    });
    response.on('error', () => gone.abort());
    for (const [name, value] of Object.entries(SAFE_HEADERS)) response.setHeader(name, value);
    if (this.#closing) gone.abort();
    if (this.#closing) response.setHeader('connection', 'close');

    const target = parseTarget(request.url ?? '/');
    const routed = this.#router.route(request.method ?? '', target.path);
    if (routed.kind !== 'unknown') route = routed.route;
    const base = { request, response, target, node: this.#options.node, shared: this.#shared };
    const { signal } = gone;
    const tail = routed.kind === 'found' ? routed.tail : '';
    try {
      const refusal = judgeOrigin(gatedRequest(request), this.#hostNames);
      if (refusal !== undefined) throw refusal;
      if (this.#connections.full && !isOperators(target.path)) throw crowded(this.#connections);
      // A request read while an earlier answer is pending would stay in memory until that answer is taken.
      if (before !== undefined && isRead(request)) await closed(before);
      if (response.destroyed) return;
      const query = new Query(target.query);
      await perform(routed, { ...base, tail, query, signal });
    } catch (error) {
      this.#fail({ ...base, tail, query: new Query(''), signal }, error);
    }
  }

  #fail(exchange: Exchange, cause: unknown): void {
    const { request, response } = exchange;
    const error = toWalshipError(cause);
    if (error.code === 'INTERNAL') {
      this.#options.log.error(
        { err: cause, method: request.method, url: request.url },
        'request failed',
      );
    }
    const write = !isRead(request) && !exchange.target.path.startsWith(ADMIN_PATHS);
    if (write) this.#shared.answers.failed(outcomeOf(error), error.code);
    if (response.headersSent || response.destroyed) return void response.destroy();
    sendError(exchange, error, write);
  }
}

function closed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => void response.once('close', resolve));
}

function isRead({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** Prefix of requests that change something, but write nothing that a client could ask about. */
const ADMIN_PATHS = '/v1/admin/';

/** Returns true for requests that are answered however many clients there are. */
function isOperators(path: string): boolean {
  return KEPT_PATHS.has(path) || path.startsWith(ADMIN_PATHS);
}

const KEPT_PATHS: ReadonlySet<string> = new Set([
  '/livez',
  '/readyz',
  '/leader',
  '/follower',
  '/metrics',
  '/v1/status',
  '/v1/cluster',
  '/v1/events',
]);

function crowded({ max }: Connections): WalshipError {
  return new WalshipError('BUSY', `${max} connections are in use`, { outcome: 'rejected' });
}

async function perform(routed: Routed, exchange: Exchange): Promise<void> {
  const { request, response, target } = exchange;
  if (routed.kind === 'found') return routed.handler(exchange);
  if (routed.kind === 'unknown') {
    throw new WalshipError('NOT_FOUND', `there is nothing at ${target.path}`);
  }
  response.setHeader('allow', routed.allowed.join(', '));
  const message = `${routed.route} does not know ${request.method ?? 'no method'}`;
  throw new WalshipError('METHOD_NOT_ALLOWED', message);
}

function listenError(cause: Error & { code?: string }, address: string): WalshipError {
  const inUse = cause.code === 'EADDRINUSE';
  const message = inUse ? `${address} is taken` : `cannot listen on ${address}: ${cause.message}`;
  return new WalshipError(inUse ? 'PORT_IN_USE' : 'CONFIG_INVALID', message, {
    details: { address },
    cause,
  });
}
