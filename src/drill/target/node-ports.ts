import { freePorts } from '../../ports/free-ports.ts';

/**
 * Lowest port, below the ports that kernels give to outgoing connections: no other program takes that of a node while
 * it is down.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 31_000;
/** Distance between starting ports: enough for the nodes of a drill that runs at the same time. */
const STEP = 16;

/** Returns free loopback ports for the nodes of one drill. */
export async function nodePorts(count: number): Promise<readonly number[]> {
  const steps = Math.floor((LAST_PORT - FIRST_PORT) / STEP);
  const first = FIRST_PORT + (process.pid % steps) * STEP;
  return await freePorts(Array.from({ length: count }, (_, index) => first + index));
}
