import { freePorts } from '../../ports/free-ports.ts';

/** Below the ports that kernels give to outgoing connections: nobody takes that of a node while it is down. */
const FIRST_PORT = 20_000;
const LAST_PORT = 31_000;
/** Far enough apart for the nodes of a drill that runs beside this one. */
const STEP = 16;

/** Free loopback ports for the nodes of one drill. */
export async function nodePorts(count: number): Promise<readonly number[]> {
  const steps = Math.floor((LAST_PORT - FIRST_PORT) / STEP);
  const first = FIRST_PORT + (process.pid % steps) * STEP;
  return await freePorts(Array.from({ length: count }, (_, index) => first + index));
}
