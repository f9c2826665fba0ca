/**
 * The least that a commit can take here: three processes that do nothing but its unavoidable parts, with the same calls. One
 * O_DSYNC write in the thread pool, a WebSocket message to each of two processes, the same write there, a message back; done
 * with the first answer. No records, checksums, promises or state.
 */
import { fork } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocket, WebSocketServer } from 'ws';
import { MiB } from './support.mjs';

/** A record of 16 and 100 bytes, its seal and the header of a frame; and an ack. */
const FRAME_BYTES = 235;
const ACK_BYTES = 18;
const OPTIONS = { perMessageDeflate: false };

function filledFile(path) {
  fs.writeFileSync(path, Buffer.alloc(16 * MiB, 0xa7), { flush: true });
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_DSYNC);
  let position = 0;
  return (bytes, done) => {
    fs.write(fd, bytes, 0, bytes.length, position, done);
    position = (position + bytes.length) % (15 * MiB);
  };
}

/** `commit` does it once; `close` ends the processes. */
export async function floor(dir) {
  const server = new WebSocketServer({ ...OPTIONS, port: 0, host: '127.0.0.1' });
  await new Promise((done) => server.once('listening', done));
  let committed = 0;
  let answered = () => {};
  const sockets = [];
  const connected = new Promise((done) => {
    server.on('connection', (socket) => {
      let acks = 0;
      socket.on('message', () => {
        acks += 1;
        // The slower one's answer to an earlier commit is none to this one.
        if (acks > committed) answered();
      });
      sockets.push(socket);
      if (sockets.length === 2) done();
    });
  });
  const self = fileURLToPath(import.meta.url);
  const children = ['a', 'b'].map((name) =>
    fork(self, [String(server.address().port), join(dir, `floor-${name}`)]),
  );
  await connected;
  const write = filledFile(join(dir, 'floor'));
  const frame = Buffer.alloc(FRAME_BYTES, 1);
  const commit = () =>
    new Promise((done) => {
      answered = () => {
        committed += 1;
        done();
      };
      write(frame, () => {
        for (const socket of sockets) socket.send(frame);
      });
    });
  const close = () => {
    server.close();
    for (const child of children) child.kill();
  };
  return { commit, close };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [port, path] = process.argv.slice(2);
  const write = filledFile(path);
  const ack = Buffer.alloc(ACK_BYTES, 1);
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, OPTIONS);
  socket.on('message', (frame) => write(frame, () => socket.send(ack)));
}
