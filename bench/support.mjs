/** What several figures need. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const MiB = 2 ** 20;

export function newDir() {
  return fs.mkdtempSync(join(tmpdir(), 'walship-bench-'));
}

export function medianOf(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** Microseconds of each of `count` 4 KiB writes with fdatasync, one after the other, on a file that is filled already. */
export function bareSyncsUs(dir, count = 200) {
  const fd = fs.openSync(join(dir, 'bare'), 'w+');
  fs.writeSync(fd, Buffer.alloc(4 * MiB, 0xa7));
  fs.fsyncSync(fd);
  const page = Buffer.alloc(4096, 1);
  const times = [];
  for (let index = 0; index < count; index += 1) {
    const start = performance.now();
    fs.writeSync(fd, page, 0, page.length, (index % 1024) * 4096);
    fs.fdatasyncSync(fd);
    times.push((performance.now() - start) * 1000);
  }
  fs.closeSync(fd);
  return times;
}

/** Sequential write to a new file, and one fsync, of `bytes`, in MiB per second. */
export function sequentialSpeed(dir, bytes) {
  const path = join(dir, 'sequential');
  const piece = Buffer.alloc(MiB, 0x5a);
  const start = performance.now();
  const fd = fs.openSync(path, 'w');
  for (let written = 0; written < bytes; written += MiB) fs.writeSync(fd, piece);
  fs.fsyncSync(fd);
  const seconds = (performance.now() - start) / 1000;
  fs.closeSync(fd);
  fs.rmSync(path);
  return bytes / MiB / seconds;
}

export async function freePorts(count) {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise((resolve) => {
          const server = createServer();
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

const CLI = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

/** `walship serve` as a process of its own; `stop` ends it and waits until it is gone. */
export function serve(node, { peers, dir, more = [] }) {
  const peer = peers.find(({ nodeId }) => nodeId === node);
  const args = ['serve', '--node', node, '--listen', peer.address, '--data', join(dir, node)];
  const list = peers.map(({ nodeId, address }) => `${nodeId}=${address}`).join(',');
  const child = spawn(process.execPath, [CLI, ...args, '--peers', list, ...more], {
    stdio: 'ignore',
  });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  return {
    pid: child.pid,
    stop: async () => {
      child.kill('SIGTERM');
      await gone;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

export async function until(what, condition, limitMs = 60_000) {
  const end = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what} did not come within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
