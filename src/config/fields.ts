/**
 * All options of `walship serve`, in the order of help and documentation.
 *
 * This table is the only source: flags (`--heartbeat-ms`), variables (`WALSHIP_HEARTBEAT_MS`), keys of
 * the file (`heartbeatMs`), `--help` and the table in `docs/configuration.md` are derived from it.
 */
import { KiB, MiB } from '../ports/units.ts';
import { BATCH_BYTES_MAX } from '../wal/format/limits.ts';

/** A host and a port, as `--listen` and `--peers` spell them. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** A voter and the address under which the other nodes reach it. */
export interface Peer {
  readonly nodeId: string;
  /** `host:port`, as it was given. */
  readonly address: string;
}

/** Description of one option. */
export type Field = {
  /** One sentence for help and documentation. */
  readonly doc: string;
  /** Name of the value in help. */
  readonly placeholder?: string;
  readonly required?: boolean;
  /** Description of the default if it is not a constant. */
  readonly otherwise?: string;
} & (
  | { readonly kind: 'id' | 'path' | 'peers' | 'hosts' }
  | { readonly kind: 'address'; readonly default: string }
  | {
      readonly kind: 'integer';
      readonly min: number;
      readonly max: number;
      readonly default?: number;
    }
  | { readonly kind: 'choice'; readonly choices: readonly string[]; readonly default?: string }
  | { readonly kind: 'switch' }
);

/** Maximum number of voters: more make every commit slower and nothing safer. */
export const PEERS_MAX = 9;
/** Maximum number of names in --host-names. */
export const HOST_NAMES_MAX = 64;

export const FIELDS = {
  node: {
    kind: 'id',
    placeholder: 'ID',
    required: true,
    doc: 'Name of this node. A node that is not in --peers is a learner: it follows the leader and does not count for any quorum.',
  },
  listen: {
    kind: 'address',
    placeholder: 'HOST:PORT',
    default: '127.0.0.1:7401',
    doc: 'Address for HTTP and for the connections of other nodes.',
  },
  anonymous: {
    kind: 'choice',
    placeholder: 'RIGHT',
    choices: ['admin'],
    otherwise: 'no rights: --listen must be a loopback address',
    doc: 'Rights of everybody who reaches this node (admin: read, write and operate). Required if --listen is not a loopback address.',
  },
  hostNames: {
    kind: 'hosts',
    placeholder: 'LIST',
    otherwise: 'the hosts of --listen and --peers',
    doc: 'Additional host names of this node, as NAME,*.SUFFIX,… Requests that use another name are refused; requests by IP address are not.',
  },
  data: {
    kind: 'path',
    placeholder: 'DIR',
    required: true,
    doc: 'Directory for the log and the state of the node; created if absent.',
  },
  peers: {
    kind: 'peers',
    placeholder: 'LIST',
    otherwise: 'this node alone, at --listen',
    doc: 'The voters, as ID=HOST:PORT,ID=HOST:PORT,…',
  },
  quorum: {
    kind: 'integer',
    placeholder: 'W',
    min: 1,
    max: PEERS_MAX,
    otherwise: 'a majority of --peers',
    doc: 'Number of voters that must have fsynced a write before it is committed.',
  },
  failover: {
    kind: 'choice',
    choices: ['manual', 'auto'],
    default: 'manual',
    doc: 'Who replaces a lost leader. manual: an operator, with walship promote. auto: a follower, after about two --silence-ms without a leader.',
  },
  initialLeader: {
    kind: 'id',
    placeholder: 'ID',
    otherwise: 'the first of --peers',
    doc: 'Voter that tries first to lead while all voters are blank (a new cluster).',
  },
  segmentBytes: {
    kind: 'integer',
    placeholder: 'BYTES',
    min: 4 * KiB,
    max: 1024 * MiB,
    default: 64 * MiB,
    doc: 'Size of one log file (segment). A larger batch gets a larger file.',
  },
  snapshotLogBytes: {
    kind: 'integer',
    placeholder: 'BYTES',
    min: 64 * KiB,
    max: 1024 * 1024 * MiB,
    default: 256 * MiB,
    doc: 'Bytes of log on disk between two snapshots.',
  },
  retainBytesMax: {
    kind: 'integer',
    placeholder: 'BYTES',
    min: 64 * KiB,
    max: 1024 * 1024 * MiB,
    default: 1024 * MiB,
    doc: 'Bytes of log on disk that a leader keeps for a voter that is behind. A voter that is further behind gets a snapshot.',
  },
  scrubBytesPerSecond: {
    kind: 'integer',
    placeholder: 'BYTES',
    min: 0,
    max: 1024 * MiB,
    default: MiB,
    doc: 'Bytes of sealed log files that are read again per second to find damage; 0 turns this off.',
  },
  logLevel: {
    kind: 'choice',
    choices: ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
    doc: 'Lowest level that is logged, as JSON lines on stderr.',
  },
  heartbeatMs: {
    kind: 'integer',
    placeholder: 'MS',
    min: 10,
    max: 60_000,
    default: 100,
    doc: 'Interval of heartbeats on an idle connection between nodes.',
  },
  silenceMs: {
    kind: 'integer',
    placeholder: 'MS',
    min: 30,
    max: 600_000,
    default: 1_000,
    doc: 'How long a peer may be silent before it is considered down; at least 3 heartbeats.',
  },
  onDamage: {
    kind: 'choice',
    choices: ['refuse', 'cut'],
    default: 'refuse',
    doc: 'If the log is damaged: refuse to start, or move the damaged tail to saved/ and continue from the last good record.',
  },
  unsafeNoLock: {
    kind: 'switch',
    doc: 'Start even if the file system cannot lock the directory. Two processes can then destroy the data.',
  },
  unsafeDrillFaults: {
    kind: 'path',
    placeholder: 'DIR',
    otherwise: 'never',
    doc: 'Allow drills to destroy the data of this node. Repeat the value of --data; the directory must have been created with this option.',
  },
  maxUncommittedBytes: {
    kind: 'integer',
    placeholder: 'BYTES',
    min: 64 * KiB,
    max: 1024 * MiB,
    default: 2 * BATCH_BYTES_MAX,
    doc: 'Bytes of writes that may wait for their commit; above it, writes are refused with BUSY.',
  },
  shutdownMs: {
    kind: 'integer',
    placeholder: 'MS',
    min: 0,
    max: 600_000,
    default: 10_000,
    doc: 'How long a stop waits for requests and writes that are in progress.',
  },
} as const satisfies Record<string, Field>;

export type FieldName = keyof typeof FIELDS;

type ValueOf<F> = F extends { kind: 'choice'; choices: readonly (infer C)[] }
  ? C
  : F extends { kind: 'integer' }
    ? number
    : F extends { kind: 'switch' }
      ? boolean
      : F extends { kind: 'address' }
        ? HostPort
        : F extends { kind: 'peers' }
          ? readonly Peer[]
          : F extends { kind: 'hosts' }
            ? readonly string[]
            : string;

/** The value of one option, once it is valid. */
export type FieldValue<N extends FieldName> = ValueOf<(typeof FIELDS)[N]>;

/** Names of all options, in the order of the table. */
export const FIELD_NAMES = Object.keys(FIELDS) as readonly FieldName[];

/** The table's row, without the literal types that only the compiler needs. */
export function fieldOf(name: FieldName): Field {
  return FIELDS[name];
}

/** `heartbeatMs` as a flag: `--heartbeat-ms`. */
export function flagOf(name: FieldName): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `heartbeatMs` as a variable: `WALSHIP_HEARTBEAT_MS`. */
export function variableOf(name: FieldName): string {
  return `WALSHIP_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** Default of an option, for display: "required" if it has none, empty if it may be absent. */
export function defaultText(field: Field): string {
  if (field.required === true) return 'required';
  if (field.otherwise !== undefined) return field.otherwise;
  if (field.kind === 'switch') return 'off';
  return 'default' in field ? String(field.default) : '';
}

/** Values that an option accepts, for display. */
export function boundsText(field: Field): string {
  switch (field.kind) {
    case 'integer':
      return `${field.min} to ${field.max}`;
    case 'choice':
      return field.choices.join(', ');
    case 'id':
      return 'up to 64 letters, digits, dots, dashes and underscores';
    case 'address':
      return 'a host and a port';
    case 'peers':
      return `1 to ${PEERS_MAX} voters`;
    case 'hosts':
      return `up to ${HOST_NAMES_MAX} names`;
    case 'switch':
      return 'true or false';
    case 'path':
  }
  return 'a path';
}

/** The options as a Markdown table; `docs/configuration.md` holds it and a test compares. */
export function fieldsAsMarkdown(): string {
  const rows = FIELD_NAMES.map((name) => {
    const field = fieldOf(name);
    const cells = [
      `\`${flagOf(name)}\``,
      `\`${variableOf(name)}\``,
      `\`${name}\``,
      defaultText(field),
      boundsText(field),
      field.doc,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| Flag | Variable | File key | Default | Accepts | Meaning |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}
