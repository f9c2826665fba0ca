import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';

/** Returns the `preferred` loopback ports if all of them are free now, otherwise as many other free ports. */
export async function freePorts(preferred: readonly number[]): Promise<readonly number[]> {
  return (await tryPorts(preferred)) ?? (await tryPorts(preferred.map(() => 0))) ?? [];
}

/** Listens on all ports at the same time, so that no two are equal, then closes them; undefined if one is taken. */
async function tryPorts(ports: readonly number[]): Promise<readonly number[] | undefined> {
  const servers: Server[] = [];
  try {
    for (const port of ports) servers.push(await listen(port));
    return servers.map((server) => (server.address() as AddressInfo).port);
  } catch {
    return undefined; // At least one port is taken.
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
