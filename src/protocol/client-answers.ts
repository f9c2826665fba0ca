/** Binary form of the answers to clients: id u32, kind u8, then the fields of that kind. docs/protocol.md has the table. */
import { ByteReader, ByteWriter } from './bytes.ts';
import { DETAILS_BYTES_MAX, SCAN_LIMIT_MAX } from './client-messages.ts';
import type { ClientAnswer, ErrorAnswer, HelloAnswer, PageEntry } from './client-messages.ts';
import { CODE_CHARS_MAX, ID_CHARS, MESSAGE_CHARS_MAX } from './limits.ts';

/** Kind byte of each answer. */
export const ANSWER_KIND = {
  hello: 1,
  written: 2,
  found: 3,
  absent: 4,
  page: 5,
  change: 6,
  progress: 7,
  ended: 8,
  reached: 9,
  status: 10,
  pong: 11,
  error: 12,
} as const satisfies Record<ClientAnswer['kind'], number>;

const OUTCOMES = ['none', 'rejected', 'indeterminate'] as const;
const OPS = ['put', 'delete'] as const;
const ID_BYTES = ID_CHARS / 2;
const GUESS_BYTES = 96;
/** Bytes of a page entry without its key and value. */
const ENTRY_BYTES = 22;

export type DecodedAnswer =
  | { readonly kind: 'answer'; readonly id: number; readonly answer: ClientAnswer }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Encodes an answer, with its length in front, into a new buffer. */
export function encodeAnswer(id: number, answer: ClientAnswer): Buffer {
  const writer = new ByteWriter(guessBytes(answer));
  writer.u32(id);
  writer.u8(ANSWER_KIND[answer.kind]);
  switch (answer.kind) {
    case 'hello':
      writeHello(writer, answer);
      break;
    case 'written':
      writer.version(answer.version);
      writer.u8(answer.durableOn.length);
      for (const nodeId of answer.durableOn) writer.text16(nodeId);
      break;
    case 'found':
      writer.version(answer.version);
      writer.version(answer.applied);
      writer.bytes32(answer.value);
      break;
    case 'absent':
      writer.version(answer.applied);
      break;
    case 'page':
      writer.version(answer.applied);
      writer.u8(answer.more ? 1 : 0);
      writer.u32(answer.entries.length);
      for (const { key, value, version } of answer.entries) {
        writer.version(version);
        writer.bytes16(key);
        writer.bytes32(value);
      }
      break;
    case 'change':
      writer.u8(OPS.indexOf(answer.op));
      writer.u8(answer.last ? 1 : 0);
      writer.version(answer.version);
      writer.bytes16(answer.key);
      writer.bytes32(answer.value);
      break;
    case 'progress':
    case 'reached':
      writer.version(answer.version);
      break;
    case 'status':
      writer.bytes32(Buffer.from(JSON.stringify(answer.status), 'utf8'));
      break;
    case 'error':
      writeError(writer, answer);
      break;
    case 'ended':
    case 'pong':
      break;
  }
  return writer.finish();
}

/** Decodes a message without its length; never throws, whatever the bytes. Keys and values alias `bytes`. */
export function decodeAnswer(bytes: Buffer): DecodedAnswer {
  const reader = new ByteReader(bytes);
  const id = reader.u32('id');
  const answer = readAnswer(reader, reader.u8('kind'));
  // The hello of another version may have more fields than this one knows.
  const foreign = answer.kind === 'hello' && reader.problem === undefined;
  const reason = foreign ? undefined : reader.finish();
  return reason === undefined ? { kind: 'answer', id, answer } : { kind: 'invalid', reason };
}

/** True if the answer that `decodeAnswer` makes of these bytes aliases them. */
export function answerAliases(bytes: Buffer): boolean {
  const kind = bytes[4];
  return kind === ANSWER_KIND.found || kind === ANSWER_KIND.page || kind === ANSWER_KIND.change;
}

function readAnswer(reader: ByteReader, kind: number): ClientAnswer {
  switch (kind) {
    case ANSWER_KIND.hello:
      return readHello(reader);
    case ANSWER_KIND.written: {
      const version = reader.version('version');
      const count = reader.u8('durableOn');
      const durableOn: string[] = [];
      for (let index = 0; index < count; index += 1) durableOn.push(reader.text16('nodeId'));
      return { kind: 'written', version, durableOn };
    }
    case ANSWER_KIND.found: {
      const version = reader.version('version');
      const applied = reader.version('applied');
      return { kind: 'found', version, applied, value: reader.bytes32('value') };
    }
    case ANSWER_KIND.absent:
      return { kind: 'absent', applied: reader.version('applied') };
    case ANSWER_KIND.page:
      return readPage(reader);
    case ANSWER_KIND.change: {
      const op = reader.choice('op', OPS);
      const last = reader.u8('last', 1) === 1;
      const version = reader.version('version');
      const key = reader.bytes16('key');
      return { kind: 'change', op, last, version, key, value: reader.bytes32('value') };
    }
    case ANSWER_KIND.progress:
      return { kind: 'progress', version: reader.version('version') };
    case ANSWER_KIND.ended:
      return { kind: 'ended' };
    case ANSWER_KIND.reached:
      return { kind: 'reached', version: reader.version('version') };
    case ANSWER_KIND.status:
      return { kind: 'status', status: readJson(reader, 'status') };
    case ANSWER_KIND.pong:
      return { kind: 'pong' };
    case ANSWER_KIND.error: {
      const code = reader.text16('code');
      const message = reader.text16('message');
      const outcome = reader.choice('outcome', OUTCOMES);
      const details = readJson(reader, 'details');
      return {
        kind: 'error',
        code,
        message,
        outcome: outcome === 'none' ? undefined : outcome,
        details,
      };
    }
    default:
      reader.fail(`kind ${kind}`);
      return { kind: 'pong' };
  }
}

function writeHello(writer: ByteWriter, answer: HelloAnswer): void {
  const { leader, clusterId } = answer;
  writer.u16(answer.protocol);
  writer.u32(answer.requestsMax);
  writer.u32(answer.requestBytesMax);
  writer.text16(answer.nodeId);
  writer.bytes16(Buffer.from(clusterId ?? '', 'hex'));
  writer.text16(leader?.nodeId ?? '');
  writer.text16(leader?.address ?? '');
  writer.u8(answer.ready ? 1 : 0);
}

function readHello(reader: ByteReader): HelloAnswer {
  const protocol = reader.u16('protocol');
  const requestsMax = reader.u32('requestsMax');
  const requestBytesMax = reader.u32('requestBytesMax');
  const nodeId = reader.text16('nodeId');
  const cluster = reader.bytes16('clusterId');
  if (cluster.length !== 0 && cluster.length !== ID_BYTES) reader.fail('clusterId is not 16 bytes');
  const leader = {
    nodeId: reader.text16('leader.nodeId'),
    address: reader.text16('leader.address'),
  };
  const ready = reader.u8('ready', 1) === 1;
  return {
    kind: 'hello',
    protocol,
    requestsMax,
    requestBytesMax,
    nodeId,
    clusterId: cluster.length === 0 ? null : cluster.toString('hex'),
    leader: leader.address === '' ? null : leader,
    ready,
  };
}

function readPage(reader: ByteReader): ClientAnswer {
  const applied = reader.version('applied');
  const more = reader.u8('more', 1) === 1;
  const count = reader.count('entries', ENTRY_BYTES, SCAN_LIMIT_MAX);
  const entries: PageEntry[] = [];
  for (let index = 0; index < count && reader.problem === undefined; index += 1) {
    const version = reader.version('version');
    const key = reader.bytes16('key');
    entries.push({ version, key, value: reader.bytes32('value') });
  }
  return { kind: 'page', applied, more, entries };
}

function writeError(writer: ByteWriter, { code, message, outcome, details }: ErrorAnswer): void {
  const json = Buffer.from(JSON.stringify(details), 'utf8');
  writer.text16(code.slice(0, CODE_CHARS_MAX));
  writer.text16(message.slice(0, MESSAGE_CHARS_MAX));
  writer.u8(OUTCOMES.indexOf(outcome ?? 'none'));
  writer.bytes32(json.length > DETAILS_BYTES_MAX ? Buffer.from('{}') : json);
}

function readJson(reader: ByteReader, name: string): Readonly<Record<string, unknown>> {
  const bytes = reader.bytes32(name);
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Not JSON: reported below.
  }
  reader.fail(`${name} is not a JSON object`);
  return {};
}

function guessBytes(answer: ClientAnswer): number {
  if (answer.kind === 'found') return GUESS_BYTES + answer.value.length;
  if (answer.kind === 'change') return GUESS_BYTES + answer.key.length + answer.value.length;
  if (answer.kind !== 'page') return GUESS_BYTES;
  let bytes = GUESS_BYTES;
  for (const { key, value } of answer.entries) bytes += ENTRY_BYTES + key.length + value.length;
  return bytes;
}
