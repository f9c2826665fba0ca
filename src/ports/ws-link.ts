/**
 * Links over WebSockets, for both sides: the leader accepts, followers dial. No compression, and no masking where it
 * counts, because the bulk flows from server to client.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { ERRORS, WalshipError } from '../errors.ts';
import { KiB, MiB } from './units.ts';
import type { Dialer, Link, LinkHandlers } from './link.ts';

/** URL path for links between nodes. */
export const REPLICATE_PATH = '/v1/replicate';
/** URL path for links from clients. */
export const CLIENT_PATH = '/v1/client';
/** Maximum size of a message: a control message of 1 MiB and a margin. A larger one closes the link. */
export const MESSAGE_BYTES_MAX = MiB + 64 * KiB;
/** Bytes of messages that are buffered before `receive`; above it, the socket is paused. */
export const LINK_INBOX_BYTES_MAX = 4 * MESSAGE_BYTES_MAX;
/** Time that a closing link waits for the other side before it is cut. */
export const CLOSE_WAIT_MS = 2_000;
/** Time limit for dialling, from the first packet to the open link. */
export const DIAL_MS_MAX = 5_000;
/** Maximum number of accepted links between nodes; one more closes the oldest link that is not kept. */
export const LINKS_MAX = 256;
/** Maximum bytes of a reason in a WebSocket close frame. */
export const CLOSE_REASON_BYTES_MAX = 123;

const CLOSE_NORMAL = 1000;
const CLOSE_UNSUPPORTED_DATA = 1003;
const OPTIONS = {
  perMessageDeflate: false,
  maxPayload: MESSAGE_BYTES_MAX,
  closeTimeout: CLOSE_WAIT_MS,
} as const;

/** A link over an open (or opening) WebSocket; the only receiver of its events. */
export class WsLink implements Link {
  readonly peer: string;
  readonly #socket: WebSocket;
  #handlers: LinkHandlers | undefined;
  /** Invariant: messages in the inbox arrived before all messages that are not in it yet. */
  #inbox: Buffer[] = [];
  #inboxBytes = 0;
  #flushing = false;
  #closingReason: string | undefined;
  #failure: string | undefined;
  #closedReason: string | undefined;
  #closeTold = false;
  #kept = false;

  constructor(socket: WebSocket, peer: string) {
    this.peer = peer;
    this.#socket = socket;
    socket.on('message', (data, isBinary) => this.#onMessage(data, isBinary));
    socket.on('error', (error) => (this.#failure ??= error.message));
    socket.on('close', (code, reason) => this.#onClose(code, reason));
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(message: Buffer, sent?: () => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) {
      // A closed socket would count these bytes as buffered for ever.
      if (sent !== undefined) process.nextTick(sent);
      return;
    }
    this.#socket.send(message, { binary: true }, () => sent?.());
  }

  keep(): void {
    this.#kept = true;
  }

  get kept(): boolean {
    return this.#kept;
  }

  receive(handlers: LinkHandlers): void {
    this.#handlers = handlers;
    this.#flushing = true;
    setImmediate(() => this.#flush(handlers));
  }

  close(reason: string): void {
    if (this.#closingReason !== undefined) return;
    this.#closingReason = reason;
    this.#inbox = [];
    // A paused socket would never see the answer to its close frame.
    if (this.#socket.isPaused) this.#socket.resume();
    this.#socket.close(CLOSE_NORMAL, truncateUtf8(reason, CLOSE_REASON_BYTES_MAX));
  }

  #flush(handlers: LinkHandlers): void {
    for (let message = this.#inbox.shift(); message; message = this.#inbox.shift()) {
      handlers.onMessage(message);
    }
    this.#flushing = false;
    this.#inboxBytes = 0;
    if (this.#socket.isPaused) this.#socket.resume();
    if (this.#closedReason !== undefined) this.#tellClosed(this.#closedReason);
  }

  #onMessage(data: WebSocket.RawData, isBinary: boolean): void {
    if (this.#closingReason !== undefined) return;
    if (!isBinary) {
      this.#closingReason = 'a text message, expected binary ones';
      this.#socket.close(CLOSE_UNSUPPORTED_DATA, this.#closingReason);
      return;
    }
    // The default binary type delivers nothing but buffers.
    const message = data as Buffer;
    if (this.#handlers !== undefined && !this.#flushing) {
      this.#handlers.onMessage(message);
      return;
    }
    this.#inbox.push(message);
    this.#inboxBytes += message.length;
    if (this.#inboxBytes >= LINK_INBOX_BYTES_MAX) this.#socket.pause();
  }

  #onClose(code: number, reason: Buffer): void {
    const theirs = reason.length > 0 ? reason.toString('utf8') : `closed with code ${code}`;
    this.#closedReason = this.#closingReason ?? this.#failure ?? theirs;
    if (this.#handlers !== undefined && !this.#flushing) this.#tellClosed(this.#closedReason);
  }

  #tellClosed(reason: string): void {
    if (this.#closeTold) return;
    this.#closeTold = true;
    this.#handlers?.onClose(reason);
  }
}

export interface AcceptorOptions {
  readonly path?: string;
  readonly linksMax?: number;
  /** Closes the oldest link that is not kept, or refuses the new one with 503. */
  readonly whenFull?: 'give way' | 'refuse';
  /** Maximum size of a message; a larger one closes its link. */
  readonly messageBytesMax?: number;
}

/** Accepts links from an HTTP server's `upgrade` events. */
export class LinkAcceptor {
  readonly #server: WebSocketServer;
  readonly #links = new Set<WsLink>();
  readonly #path: string;
  readonly #linksMax: number;
  readonly #givesWay: boolean;
  #closed = false;

  constructor(options: AcceptorOptions = {}) {
    const maxPayload = options.messageBytesMax ?? MESSAGE_BYTES_MAX;
    const own = { noServer: true, clientTracking: false };
    this.#server = new WebSocketServer({ ...OPTIONS, ...own, maxPayload });
    this.#path = options.path ?? REPLICATE_PATH;
    this.#linksMax = options.linksMax ?? LINKS_MAX;
    this.#givesWay = options.whenFull !== 'refuse';
  }

  /** True if the request asks for a link of this kind. */
  takes(request: IncomingMessage): boolean {
    return (request.url ?? '').split('?', 1)[0] === this.#path;
  }

  /** Hands an open link to `accept`, or refuses the request in HTTP. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, accept: (link: Link) => void) {
    socket.on('error', () => socket.destroy());
    if (!this.takes(request)) return refuse(socket, '404 Not Found');
    if (this.#closed || !this.#hasPlace()) return refuse(socket, '503 Service Unavailable');
    const { remoteAddress = 'unknown', remotePort = 0 } = request.socket;
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const link = new WsLink(webSocket, `${remoteAddress}:${remotePort}`);
      this.#links.add(link);
      webSocket.once('close', () => this.#links.delete(link));
      accept(link);
    });
  }

  get count(): number {
    return this.#links.size;
  }

  /** Makes room for one more link if possible, so that idle links which fill the table lock out nobody. */
  #hasPlace(): boolean {
    if (this.#links.size < this.#linksMax) return true;
    if (!this.#givesWay) return false;
    const oldest = [...this.#links].find(({ kept }) => !kept);
    if (oldest === undefined) return false;
    this.#links.delete(oldest);
    oldest.close('BUSY: a newer link takes its place');
    return true;
  }

  /** Refuses new links and closes the accepted ones, each within CLOSE_WAIT_MS. */
  close(reason: string): void {
    this.#closed = true;
    for (const link of this.#links) link.close(reason);
    this.#server.close();
  }
}

/** Dials `ws://host:port` and one of the paths above. */
export class WsDialer implements Dialer {
  readonly #dialMsMax: number;
  readonly #path: string;

  constructor(dialMsMax: number = DIAL_MS_MAX, path: string = REPLICATE_PATH) {
    this.#dialMsMax = dialMsMax;
    this.#path = path;
  }

  dial(address: string): Promise<Link> {
    return new Promise((resolve, reject) => {
      const fail = (message: string, cause?: unknown): void => {
        reject(
          new WalshipError('PEER_UNREACHABLE', `${address} ${message}`, {
            details: { address },
            cause,
          }),
        );
      };
      const socket = openSocket(address, this.#path);
      if (socket === undefined) return fail('is not an address, expected host:port');

      const link = new WsLink(socket, address);
      const timer = setTimeout(() => {
        fail(`did not answer within ${this.#dialMsMax} ms`);
        socket.terminate();
      }, this.#dialMsMax);
      socket.once('open', () => resolve(link));
      socket.once('unexpected-response', (_request, response) => {
        fail(refusedWith(response.statusCode ?? 0));
        socket.terminate();
      });
      socket.once('error', (error) => fail(`could not be dialled: ${describe(error)}`, error));
      for (const end of ['open', 'close']) socket.once(end, () => clearTimeout(timer));
    });
  }
}

function openSocket(address: string, path: string): WebSocket | undefined {
  const url = `ws://${address}${path}`;
  if (!URL.canParse(url) || new URL(url).pathname !== path) return undefined;
  return new WebSocket(url, { ...OPTIONS, followRedirects: false });
}

/** Explains an HTTP refusal. A node that refuses the host name of the request may still be the right node. */
function refusedWith(status: number): string {
  const known = status !== ERRORS.HOST_UNKNOWN.status;
  const what = known ? ', expected a walship node' : ': it is not known by that name';
  return `answered HTTP ${status}${what}`;
}

/** Describes a failed dial. An aggregate error of several addresses has a code and no message. */
function describe(error: Error): string {
  if (error.message !== '') return error.message;
  return 'code' in error ? String(error.code) : error.name;
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
    socket.destroy(),
  );
}

/** The longest start of `text` that fits into `bytesMax` bytes and cuts no character. */
export function truncateUtf8(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= bytesMax) return text;
  let end = bytesMax;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
