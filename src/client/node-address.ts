import { WalshipError } from '../errors.ts';

const SCHEMES: ReadonlySet<string> = new Set(['http:', 'ws:']);
const SECURE_SCHEMES: ReadonlySet<string> = new Set(['https:', 'wss:']);
const EXPECTED = "a node's address is HOST:PORT or http://HOST:PORT";

/** A node that an operator or a program named. */
export interface GivenNode {
  readonly address: string;
  /** Node id; undefined if only the address was given. */
  readonly nodeId: string | undefined;
}

/** Hint for a host name that is unknown here, although the nodes know each other by it. */
export const UNKNOWN_NAME_HINT =
  'the nodes use the addresses of --peers; if other addresses lead to them from here, give all nodes with their ids, as in n1=127.0.0.1:7401';
const UNKNOWN_NAME: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'EAI_AGAIN']);

/** Returns details of a failed connection: a hint, if the host name is the cause. */
export function unreachableHint(cause: unknown): { readonly hint?: string } {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return UNKNOWN_NAME.has(code) ? { hint: UNKNOWN_NAME_HINT } : {};
}

/** Parses `id=host:port`, or an address as `parseNodeAddress` does. @throws WalshipError CONFIG_INVALID. */
export function parseNode(text: string): GivenNode {
  const [, nodeId, address = text] = /^\s*([^=/:]+)=(.*)$/s.exec(text) ?? [];
  return { nodeId, address: parseNodeAddress(address) };
}

/**
 * Parses the host and the port of a node: `host:port`, or an `http` or `ws` URL of that.
 * Refuses parts that would have no effect: without TLS and without a login, a secret in an address would be sent in clear.
 * @throws WalshipError CONFIG_INVALID; never with a user or a password in its message.
 */
export function parseNodeAddress(text: string): string {
  const trimmed = text.trim();
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `http://${trimmed}`;
  if (!URL.canParse(full)) throw invalid(`${EXPECTED}, not ${shown(trimmed)}`);
  const { protocol, username, password, hostname, port, pathname, search, hash } = new URL(full);
  if (username !== '' || password !== '' || trimmed.includes('@')) {
    throw invalid(`${EXPECTED}, without a user or a password: nothing here would encrypt them`);
  }
  if (SECURE_SCHEMES.has(protocol)) {
    throw invalid(`${EXPECTED}, not ${shown(trimmed)}: walship does not speak TLS`);
  }
  if (!SCHEMES.has(protocol) || hostname === '' || pathname !== '/' || search + hash !== '') {
    throw invalid(`${EXPECTED}, not ${shown(trimmed)}`);
  }
  return `${hostname}:${port === '' ? '80' : port}`;
}

/** Hides text that may contain a password. */
function shown(text: string): string {
  return text.includes('@') ? 'what was given' : `"${text}"`;
}

function invalid(message: string): WalshipError {
  return new WalshipError('CONFIG_INVALID', message);
}
