/** Crowds of clients that are connected to nodes and ask for nothing: they keep their places, and come again where they lost them. */
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../../client/connection.ts';
import { isWalshipError } from '../../errors.ts';
import { SystemClock } from '../../ports/system-clock.ts';
import { CLIENT_PATH, WsDialer } from '../../ports/ws-link.ts';
import type { FaultOf } from '../faults/fault.ts';

type Crowd = FaultOf<'idle-clients'>;

/** Most of one crowd that are sessions of the client library; a node takes 1,024, and the load needs some. */
const SESSIONS_MAX = 900;
/** Clients of one crowd that connect at the same time when it comes. */
const AT_ONCE = 32;
const DIAL_MS_MAX = 10_000;
/** Milliseconds for which a client that lost its place stays away. */
const AWAY_MS = 5_000;
/** Open files of this process that crowds at nine nodes take at most, with everything else. */
const OPEN_FILES_MIN = 8_192;
const LIMITS_PATH = '/proc/self/limits';

const ASKED = 'GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
/** A request whose body never comes. */
const UNFINISHED = 'POST /v1/txn HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n';

/** Function that ends one client. */
type Leave = () => void;

export class IdleClients {
  /** The crowd at each node. */
  readonly #crowds = new Map<string, AbortController>();

  /** Resolves when each of them has tried to connect once; says how many got a place. */
  async come(url: string, { node, count, unfinished }: Crowd): Promise<string> {
    this.leave(node);
    const crowd = new AbortController();
    // Each client has a few.
    setMaxListeners(0, crowd.signal);
    this.#crowds.set(node, crowd);
    const sessions = unfinished ? 0 : Math.min(SESSIONS_MAX, Math.floor(count / 2));
    const address = new URL(url).host;
    let next = 0;
    let placed = 0;
    const arrivals = Array.from({ length: AT_ONCE }, async () => {
      while (next < count && !crowd.signal.aborted) {
        const isSession = next < sessions;
        next += 1;
        const open = (onLost: () => void): Promise<Leave> =>
          isSession
            ? openSession(address, onLost)
            : openSocket(address, unfinished ? UNFINISHED : ASKED, onLost);
        if (await stay(open, crowd.signal)) placed += 1;
      }
    });
    await Promise.all(arrivals);
    return `${placed} of ${count} got a place at once`;
  }

  /** The crowd at a node is gone, if there was one. */
  leave(nodeId: string): void {
    this.#crowds.get(nodeId)?.abort();
    this.#crowds.delete(nodeId);
  }

  /** Ends all clients. */
  close(): void {
    for (const nodeId of this.#crowds.keys()) this.leave(nodeId);
  }
}

/** Returns true where this process may open as many files as crowds of clients need. */
export function crowdsFit(): boolean {
  if (!existsSync(LIMITS_PATH)) return true;
  const hard = /^Max open files\s+\S+\s+(\d+)\s/m.exec(readFileSync(LIMITS_PATH, 'utf8'))?.[1];
  return hard === undefined || Number(hard) >= OPEN_FILES_MIN;
}

/** Keeps one client connected until `signal` aborts; resolves after its first attempt with whether that succeeded. */
async function stay(
  open: (onLost: () => void) => Promise<Leave>,
  signal: AbortSignal,
): Promise<boolean> {
  if (signal.aborted) return false;
  let leave: Leave = () => undefined;
  const again = (): void => {
    signal.removeEventListener('abort', leave);
    sleep(AWAY_MS, undefined, { signal, ref: false }).then(
      () => stay(open, signal),
      () => undefined, // The crowd has left.
    );
  };
  try {
    leave = await open(again);
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    return true;
  } catch (error) {
    if (!isWalshipError(error) && !isSystemError(error)) throw error;
    again();
    return false;
  }
}

async function openSession(address: string, onLost: () => void): Promise<Leave> {
  const dialer = new WsDialer(DIAL_MS_MAX, CLIENT_PATH);
  const clock = new SystemClock();
  const session = await Connection.open({ dialer, clock, address, onClosed: onLost });
  return () => session.close('the drill has seen enough');
}

function openSocket(address: string, bytes: string, onLost: () => void): Promise<Leave> {
  const { hostname, port } = new URL(`http://${address}`);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.setTimeout(0);
    socket.on('error', reject);
    socket.once('connect', () => {
      socket.write(bytes);
      socket.resume();
      socket.once('close', onLost);
      resolve(() => void socket.destroy());
    });
  });
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'code' in error;
}
