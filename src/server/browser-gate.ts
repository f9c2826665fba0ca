/**
 * Refuses requests from web pages of another origin. A browser on the operator's machine reaches ports that nobody else does, and a page
 * needs no permission to send a POST, to open a WebSocket, or to give its own host name the address of this node (DNS rebinding).
 *
 * The host of a request must be one that this node is known by, and an origin, where there is one, must be that same host. Programs send
 * no `Origin`, and reach a node by an IP address, by `localhost` or by the name in --listen or --peers.
 */
import type { IncomingMessage } from 'node:http';
import { WalshipError } from '../errors.ts';
import { REPLICATE_PATH } from '../ports/ws-link.ts';
import { parseTarget } from './target.ts';

/** The parts of a request that the gate looks at; also of one that asks for an upgrade. */
export interface GatedRequest {
  readonly method: string;
  /** The request target, as sent. */
  readonly url: string;
  /** HTTP version, `1.0` or `1.1`. */
  readonly httpVersion: string;
  /** Values of all `Host` headers. */
  readonly hosts: readonly string[];
  readonly origin: string | undefined;
  /** Value of `Sec-Fetch-Site`. */
  readonly site: string | undefined;
  /** Value of `Sec-Fetch-Mode`. */
  readonly mode: string | undefined;
}

/**
 * Headers of every answer: a page of another origin cannot display it, and no browser interprets it as another type
 * than the declared one.
 */
export const SAFE_HEADERS = {
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
} as const;
/** Headers of values: a client that writes values must not be able to run scripts in the origin of the node. */
export const VALUE_HEADERS = {
  'content-security-policy': "sandbox; default-src 'none'",
} as const;

/** A host and a port, if there is one, in lower case. */
interface Authority {
  readonly name: string;
  readonly port: string;
}

/** Paths that load balancers request under any host name; the answers contain only yes or no and a reason. */
const HEALTH_PATHS: ReadonlySet<string> = new Set(['/livez', '/readyz', '/leader', '/follower']);
/** Path that a page of another site may link to. */
const LINKABLE_PATH = '/';
const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

/** Extracts the parts of `request` that the gate needs. */
export function gatedRequest(request: IncomingMessage): GatedRequest {
  const { method = '', url = '/', httpVersion, headers, rawHeaders } = request;
  const { origin, 'sec-fetch-site': site, 'sec-fetch-mode': mode } = headers;
  // The parsed headers have space for one host only.
  const hosts = rawHeaders.filter(
    (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'host',
  );
  return { method, url, httpVersion, hosts, origin, site: text(site), mode: text(mode) };
}

/** Names that a node is reached by, besides IP addresses and `localhost`. */
export class HostNames {
  readonly #names: ReadonlySet<string>;
  /** Suffixes, each with its leading dot. */
  readonly #suffixes: readonly string[];

  /** A name that begins with `*.` stands for every name below the rest. */
  constructor(names: readonly string[]) {
    const lower = names.map((name) => withoutFinalDot(name.toLowerCase()));
    this.#names = new Set(lower.filter((name) => !name.startsWith('*.')));
    this.#suffixes = lower.filter((name) => name.startsWith('*.')).map((name) => name.slice(1));
  }

  has(name: string): boolean {
    if (name === 'localhost' || isIpLiteral(name) || this.#names.has(name)) return true;
    return this.#suffixes.some((suffix) => name.endsWith(suffix) && name.length > suffix.length);
  }
}

/** Returns the reason to refuse `request`, or undefined: REQUEST_INVALID, HOST_UNKNOWN or ORIGIN_REFUSED. */
export function judgeOrigin(request: GatedRequest, known: HostNames): WalshipError | undefined {
  const { hosts, httpVersion, url } = request;
  if (hosts.length > 1 || (hosts.length === 0 && httpVersion !== '1.0')) {
    const message = `${hosts.length} Host headers, expected one`;
    return new WalshipError('REQUEST_INVALID', message);
  }
  const { path, authority } = parseTarget(url);
  const given = [authority, ...hosts].filter((text) => text !== undefined);
  const stranger = HEALTH_PATHS.has(path) ? undefined : given.find((text) => !isKnown(text, known));
  if (stranger !== undefined) {
    const message = `"${stranger}" is not a name of this node`;
    return new WalshipError('HOST_UNKNOWN', message, { details: { host: stranger } });
  }
  // An absolute target takes precedence over the header.
  const reason = foreignReason(request, path, given[0]);
  return reason === undefined ? undefined : new WalshipError('ORIGIN_REFUSED', reason);
}

function isKnown(text: string, known: HostNames): boolean {
  const authority = parseAuthority(text);
  return authority !== undefined && known.has(authority.name);
}

/** Returns the reason if the request comes from a page of another site. */
function foreignReason(
  { method, origin, site, mode }: GatedRequest,
  path: string,
  host: string | undefined,
): string | undefined {
  if (origin !== undefined) {
    if (path === REPLICATE_PATH) return `nodes send no origin, this one sent ${origin}`;
    if (!isOriginOf(origin, host)) return `origin ${origin} is not that of this node`;
  }
  if (site !== 'cross-site' && site !== 'same-site') return undefined;
  if (method === 'GET' && path === LINKABLE_PATH && mode === 'navigate') return undefined;
  return `sent by a page of another origin (Sec-Fetch-Site: ${site})`;
}

/** Compares name and port. A proxy may have ended TLS, so the scheme may differ, and only says which port is the default one. */
function isOriginOf(origin: string, host: string | undefined): boolean {
  const [, scheme = '', rest = ''] = /^([a-z]+:)\/\/(.*)$/i.exec(origin) ?? [];
  const ours = host === undefined ? undefined : parseAuthority(host);
  const theirs = parseAuthority(rest);
  if (ours === undefined || theirs === undefined) return false;
  const defaultPort = DEFAULT_PORTS[scheme.toLowerCase()] ?? '';
  return ours.name === theirs.name && (ours.port || defaultPort) === (theirs.port || defaultPort);
}

/** Parses `host`, `host:port`, `[v6]` or `[v6]:port`; undefined for anything else. */
function parseAuthority(text: string): Authority | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{0,5}))?$/i.exec(text);
  if (match === null) return undefined;
  const [, name = '', port = ''] = match;
  return { name: withoutFinalDot(name.toLowerCase()), port };
}

/** Returns true for an IP address. Browsers write every IPv4 address with four numbers; no host name ends in one. */
function isIpLiteral(name: string): boolean {
  return name.startsWith('[') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(name);
}

function text(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'object' ? header.join(', ') : header;
}

function withoutFinalDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}
