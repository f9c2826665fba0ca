/**
 * The least that a follower which catches up has to do: take messages of 256 KiB from a WebSocket, check a CRC for each 1,037 bytes, and
 * write 4 MiB at a time, synced, to a filled file. No log, no store, no answers: what this machine could do at best, in this design.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { WebSocket, WebSocketServer } from 'ws';
import { MiB } from './support.mjs';

const RECORD_BYTES = 1037;
const MESSAGE_BYTES = 256 * 1024;
const WRITE_BYTES = 4 * MiB;
const FILE_BYTES = 64 * MiB;
const WAITING_BYTES_MAX = 16 * MiB;
const OPTIONS = { perMessageDeflate: false, maxPayload: MiB };

/** The sending side, in a thread of its own: `total` bytes to whoever dials. */
function serve() {
  const server = new WebSocketServer({ ...OPTIONS, host: '127.0.0.1', port: 0 });
  const message = Buffer.alloc(MESSAGE_BYTES, 0x76);
  server.on('connection', (socket) => {
    const send = () => {
      while (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < WRITE_BYTES) {
        socket.send(message, send);
      }
    };
    send();
  });
  // A port between threads: there is no origin to name.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  server.on('listening', () => parentPort.postMessage(server.address().port));
}

/** MiB per second of receiving, checking and writing `bytes`. */
export async function floorSpeed(dir, bytes) {
  const worker = new Worker(fileURLToPath(import.meta.url));
  const port = await new Promise((done) => worker.once('message', done));
  const path = join(dir, 'floor');
  fs.writeFileSync(path, Buffer.alloc(FILE_BYTES, 0xa7), { flush: true });
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_DSYNC);
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, OPTIONS);
  const start = performance.now();
  await new Promise((done) => {
    let waiting = [];
    let waitingBytes = 0;
    let written = 0;
    let writing = false;
    const write = () => {
      if (writing || waitingBytes < WRITE_BYTES) return;
      writing = true;
      const batch = waiting.splice(0, WRITE_BYTES / MESSAGE_BYTES);
      waitingBytes -= WRITE_BYTES;
      fs.writev(fd, batch, written % FILE_BYTES, () => {
        writing = false;
        written += WRITE_BYTES;
        if (socket.isPaused) socket.resume();
        if (written >= bytes) done();
        else write();
      });
    };
    socket.on('message', (message) => {
      for (let at = 0; at < message.length; at += RECORD_BYTES) {
        zlib.crc32(message.subarray(at, at + RECORD_BYTES));
      }
      waiting.push(message);
      waitingBytes += message.length;
      if (waitingBytes > WAITING_BYTES_MAX) socket.pause();
      write();
    });
  });
  const seconds = (performance.now() - start) / 1000;
  socket.terminate();
  await worker.terminate();
  fs.closeSync(fd);
  fs.rmSync(path);
  return bytes / MiB / seconds;
}

if (!isMainThread) serve();
