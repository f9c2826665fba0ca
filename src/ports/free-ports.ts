import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';

/** The `preferred` loopback ports where all of them are free, else as many others that are free now. */
export async function freePorts(preferred: readonly number[]): Promise<readonly number[]> {
  return (await tryPorts(preferred)) ?? (await tryPorts(preferred.map(() => 0))) ?? [];
}

/** Listens on all of them at once, so that no two are the same, and lets go of them again. */
async function tryPorts(ports: readonly number[]): Promise<readonly number[] | undefined> {
  const servers: Server[] = [];
  try {
    for (const port of ports) servers.push(await listen(port));
    return servers.map((server) => (server.address() as AddressInfo).port);
  } catch {
    return undefined; // One is taken: which one does not matter.
  } finally {
    await Promise.all(
      servers.map(async (server) => await new Promise((resolve) => server.close(resolve))),
    );
  }
}

async function listen(port: number): Promise<Server> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
