/**
 * Binary form of the requests of clients: id u32, op u8, then the fields of that op, all integers big-endian. docs/protocol.md has the
 * table.
 */
import { TRANSACTION_ITEMS_MAX } from '../wal/format/limits.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { CLIENT_TIMEOUT_MS_MAX, SCAN_LIMIT_MAX } from './client-messages.ts';
import type {
  ClientCondition,
  ClientOperation,
  ClientRequest,
  ClientScan,
  ClientWatch,
  ClientWrite,
} from './client-messages.ts';

/** Op byte of each request. */
export const REQUEST_OP = {
  hello: 1,
  write: 2,
  read: 3,
  scan: 4,
  watch: 5,
  credit: 6,
  cancel: 7,
  wait: 8,
  status: 9,
  ping: 10,
} as const satisfies Record<ClientRequest['kind'], number>;

const ACKS = ['quorum', 'local', 'all'] as const;
const READ_LEVELS = ['local', 'linearizable'] as const;
const WAIT_LEVELS = ['committed', 'durable', 'applied'] as const;
const EXPECTS = ['absent', 'present', 'version'] as const;
const OPS = ['put', 'delete'] as const;
const GUESS_BYTES = 64;

/** Items of a write that are decoded in one step. */
const ITEMS_PER_STEP = 512;

export type DecodedRequest<R extends ClientRequest = ClientRequest> =
  | { readonly kind: 'request'; readonly id: number; readonly request: R }
  | { readonly kind: 'invalid'; readonly reason: string };

/** A large write of which only the first items have been decoded. */
export interface UnfinishedRequest {
  readonly kind: 'unfinished';
  readonly id: number;
  /** Decodes the rest; yields where it may be interrupted. */
  readonly rest: Generator<void, DecodedRequest<ClientWrite>, void>;
}

/** Encodes a request, with its length in front, into a new buffer. */
export function encodeRequest(id: number, request: ClientRequest): Buffer {
  const writer = new ByteWriter(guessBytes(request));
  writer.u32(id);
  writer.u8(REQUEST_OP[request.kind]);
  switch (request.kind) {
    case 'hello':
      writer.u16(request.protocol);
      break;
    case 'write':
      writeWrite(writer, request);
      break;
    case 'read':
      writer.u8(READ_LEVELS.indexOf(request.level));
      writer.u32(request.timeoutMs);
      writer.bytes16(request.key);
      writeOptional(writer, request.minVersion, (version) => writer.version(version));
      break;
    case 'scan':
      writer.u32(request.timeoutMs);
      writer.u32(request.limit);
      writeOptional(writer, request.prefix, (prefix) => writer.bytes16(prefix));
      writeOptional(writer, request.after, (after) => writer.bytes16(after));
      writeOptional(writer, request.minVersion, (version) => writer.version(version));
      break;
    case 'watch':
      writer.u32(request.creditBytes);
      writeOptional(writer, request.after, (after) => writer.version(after));
      writeOptional(writer, request.prefix, (prefix) => writer.bytes16(prefix));
      break;
    case 'credit':
      writer.u32(request.bytes);
      break;
    case 'wait':
      writer.u8(WAIT_LEVELS.indexOf(request.level));
      writer.u32(request.timeoutMs);
      writer.version(request.version);
      break;
    case 'cancel':
    case 'status':
    case 'ping':
      break;
  }
  return writer.finish();
}

/** Decodes a message without its length; never throws, whatever the bytes. Keys and values alias `bytes`. */
export function decodeRequest(bytes: Buffer): DecodedRequest | UnfinishedRequest {
  const reader = new ByteReader(bytes);
  const id = reader.u32('id');
  const op = reader.u8('op');
  if (op !== REQUEST_OP.write) return decoded(reader, id, readRequest(reader, op));
  const rest = decodeWrite(reader, id);
  const step = rest.next();
  return step.done === true ? step.value : { kind: 'unfinished', id, rest };
}

function* decodeWrite(
  reader: ByteReader,
  id: number,
): Generator<void, DecodedRequest<ClientWrite>, void> {
  return decoded(reader, id, yield* readWrite(reader));
}

function decoded<R extends ClientRequest>(
  reader: ByteReader,
  id: number,
  request: R,
): DecodedRequest<R> {
  // In a hello of another version, only the version is read.
  const foreign = request.kind === 'hello' && reader.problem === undefined;
  const reason = foreign ? undefined : reader.finish();
  return reason === undefined ? { kind: 'request', id, request } : { kind: 'invalid', reason };
}

function readRequest(reader: ByteReader, op: number): ClientRequest {
  switch (op) {
    case REQUEST_OP.hello:
      return { kind: 'hello', protocol: reader.u16('protocol') };
    case REQUEST_OP.read: {
      const level = reader.choice('level', READ_LEVELS);
      const timeoutMs = readTimeout(reader);
      const key = reader.bytes16('key');
      const minVersion = readOptional(reader, () => reader.version('minVersion'));
      return { kind: 'read', level, timeoutMs, key, ...(minVersion && { minVersion }) };
    }
    case REQUEST_OP.scan:
      return readScan(reader);
    case REQUEST_OP.watch:
      return readWatch(reader);
    case REQUEST_OP.credit:
      return { kind: 'credit', bytes: reader.u32('bytes') };
    case REQUEST_OP.cancel:
      return { kind: 'cancel' };
    case REQUEST_OP.wait: {
      const level = reader.choice('level', WAIT_LEVELS);
      return {
        kind: 'wait',
        level,
        timeoutMs: readTimeout(reader),
        version: reader.version('version'),
      };
    }
    case REQUEST_OP.status:
      return { kind: 'status' };
    case REQUEST_OP.ping:
      return { kind: 'ping' };
    default:
      reader.fail(`op ${op}`);
      return { kind: 'ping' };
  }
}

function writeWrite(writer: ByteWriter, { ack, timeoutMs, conditions, ops }: ClientWrite): void {
  writer.u8(ACKS.indexOf(ack));
  writer.u32(timeoutMs);
  writer.u32(conditions.length);
  for (const { key, expect } of conditions) {
    const kind = typeof expect === 'string' ? expect : 'version';
    writer.u8(EXPECTS.indexOf(kind));
    writer.bytes16(key);
    if (typeof expect === 'object') writer.version(expect);
  }
  writer.u32(ops.length);
  for (const { op, key, value } of ops) {
    writer.u8(OPS.indexOf(op));
    writer.bytes16(key);
    if (op === 'put') writer.bytes32(value);
  }
}

const NO_BYTES = Buffer.alloc(0);

function* readWrite(reader: ByteReader): Generator<void, ClientWrite, void> {
  const ack = reader.choice('ack', ACKS);
  const timeoutMs = readTimeout(reader);
  const conditions: ClientCondition[] = [];
  const ops: ClientOperation[] = [];
  const conditionCount = reader.count('conditions', 3, TRANSACTION_ITEMS_MAX);
  for (let index = 0; index < conditionCount && reader.problem === undefined; index += 1) {
    const kind = reader.choice('expect', EXPECTS);
    const key = reader.bytes16('key');
    conditions.push({ key, expect: kind === 'version' ? reader.version('version') : kind });
    if (conditions.length % ITEMS_PER_STEP === 0) yield;
  }
  const opCount = reader.count('ops', 3, TRANSACTION_ITEMS_MAX - conditions.length);
  for (let index = 0; index < opCount && reader.problem === undefined; index += 1) {
    const op = reader.choice('op', OPS);
    const key = reader.bytes16('key');
    ops.push({ op, key, value: op === 'put' ? reader.bytes32('value') : NO_BYTES });
    if (ops.length % ITEMS_PER_STEP === 0) yield;
  }
  return { kind: 'write', ack, timeoutMs, conditions, ops };
}

function readScan(reader: ByteReader): ClientScan {
  const timeoutMs = readTimeout(reader);
  const limit = reader.u32('limit', SCAN_LIMIT_MAX);
  if (limit === 0) reader.fail('limit is 0');
  const prefix = readOptional(reader, () => reader.bytes16('prefix'));
  const after = readOptional(reader, () => reader.bytes16('after'));
  const minVersion = readOptional(reader, () => reader.version('minVersion'));
  return {
    kind: 'scan',
    timeoutMs,
    limit,
    ...(prefix && { prefix }),
    ...(after && { after }),
    ...(minVersion && { minVersion }),
  };
}

function readWatch(reader: ByteReader): ClientWatch {
  const creditBytes = reader.u32('creditBytes');
  const after = readOptional(reader, () => reader.version('after'));
  const prefix = readOptional(reader, () => reader.bytes16('prefix'));
  return { kind: 'watch', creditBytes, ...(after && { after }), ...(prefix && { prefix }) };
}

function readTimeout(reader: ByteReader): number {
  return reader.u32('timeoutMs', CLIENT_TIMEOUT_MS_MAX);
}

function writeOptional<T>(writer: ByteWriter, value: T | undefined, write: (value: T) => void) {
  writer.u8(value === undefined ? 0 : 1);
  if (value !== undefined) write(value);
}

function readOptional<T>(reader: ByteReader, read: () => T): T | undefined {
  return reader.u8('presence', 1) === 1 ? read() : undefined;
}

function guessBytes(request: ClientRequest): number {
  if (request.kind === 'read') return GUESS_BYTES + request.key.length;
  if (request.kind !== 'write') return GUESS_BYTES;
  let bytes = GUESS_BYTES;
  for (const { key } of request.conditions) bytes += 19 + key.length;
  for (const { key, value } of request.ops) bytes += 7 + key.length + value.length;
  return bytes;
}
