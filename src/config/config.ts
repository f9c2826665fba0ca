/**
 * The configuration of `walship serve`: flags before `WALSHIP_` variables before a JSON file.
 *
 * All problems are collected before any is reported, so that one start shows the whole list.
 */
import * as v from 'valibot';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { WalshipError } from '../errors.ts';
import {
  FIELD_NAMES,
  HOST_NAMES_MAX,
  PEERS_MAX,
  boundsText,
  fieldOf,
  flagOf,
  variableOf,
} from './fields.ts';
import type { Field, FieldName, FieldValue, HostPort, Peer } from './fields.ts';

/** Configuration of `walship serve`, checked and complete. */
export type ServeConfig = {
  readonly [N in Exclude<FieldName, 'unsafeDrillFaults' | 'anonymous'>]: FieldValue<N>;
} & {
  /** Absent if only this machine may reach the node. */
  readonly anonymous?: FieldValue<'anonymous'> | undefined;
  /** Absent (the normal case) unless drills may destroy the data of the node. */
  readonly unsafeDrillFaults?: string | undefined;
};

/** Sources of option values. `flags` holds the command-line flags by field name. */
export interface ConfigSources {
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a file as UTF-8; replaced in tests. */
  readonly readFile?: (path: string) => string;
}

/** A value and the name (flag, variable or file key) that it was given under. */
interface Given {
  readonly name: string;
  readonly value: unknown;
}

type Parsed = { [N in FieldName]?: FieldValue<N> };

const CONFIG_VARIABLE = 'WALSHIP_CONFIG';

/**
 * Reads, checks and completes the configuration.
 * @throws WalshipError CONFIG_INVALID with `details.problems`, one sentence for each problem.
 */
export function loadConfig(sources: ConfigSources): ServeConfig {
  const problems: string[] = [];
  const file = readConfigFile(sources, problems);
  problems.push(...unknownVariables(sources.env), ...unknownKeys(file));

  const parsed: Partial<Record<FieldName, unknown>> = {};
  for (const name of FIELD_NAMES) {
    const result = parseField(name, lookUp(name, { ...sources, file }) ?? defaultOf(name));
    if ('problem' in result) problems.push(result.problem);
    else parsed[name] = result.value;
  }

  const values = parsed as Parsed;
  problems.push(...crossFieldProblems(values));
  if (problems.length > 0) throw configInvalid(problems);
  return complete(values);
}

/** A CONFIG_INVALID that lists `problems`, each a sentence without its full stop. */
export function configInvalid(problems: readonly string[]): WalshipError {
  const message =
    problems.length === 1
      ? (problems[0] ?? '')
      : `${problems.length} problems:${problems.map((problem) => `\n  ${problem}`).join('')}`;
  return new WalshipError('CONFIG_INVALID', message, { details: { problems } });
}

/** The host and port that `text` spells (`host:port`, `[v6]:port`), or undefined. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^\s:/?#@[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

interface FileGiven {
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
}

function readConfigFile(sources: ConfigSources, problems: string[]): FileGiven | undefined {
  const path = sources.flags['config'] ?? sources.env[CONFIG_VARIABLE];
  if (typeof path !== 'string') return undefined;
  const readFile = sources.readFile ?? ((name) => readFileSync(name, 'utf8'));
  try {
    const values: unknown = JSON.parse(readFile(path));
    if (typeof values === 'object' && values !== null && !Array.isArray(values)) {
      return { path, values: values as Readonly<Record<string, unknown>> };
    }
    problems.push(`${path} must hold one JSON object`);
  } catch (error) {
    problems.push(`${path} cannot be read: ${error instanceof Error ? error.message : 'unknown'}`);
  }
  return undefined;
}

function unknownVariables(env: ConfigSources['env']): string[] {
  const known = new Set([CONFIG_VARIABLE, ...FIELD_NAMES.map(variableOf)]);
  return Object.keys(env)
    .filter((name) => name.startsWith('WALSHIP_') && !known.has(name))
    .toSorted()
    .map((name) => `${name} is not an option`);
}

function unknownKeys(file: FileGiven | undefined): string[] {
  const known = new Set<string>(FIELD_NAMES);
  return Object.keys(file?.values ?? {})
    .filter((key) => !known.has(key))
    .toSorted()
    .map((key) => `${key} in ${file?.path ?? ''} is not an option`);
}

function lookUp(
  name: FieldName,
  sources: ConfigSources & { readonly file: FileGiven | undefined },
): Given | undefined {
  const { flags, env, file } = sources;
  const variable = variableOf(name);
  if (flags[name] !== undefined) return { name: flagOf(name), value: flags[name] };
  if (env[variable] !== undefined) return { name: variable, value: env[variable] };
  if (file === undefined || !Object.hasOwn(file.values, name)) return undefined;
  return { name: `${name} in ${file.path}`, value: file.values[name] };
}

function defaultOf(name: FieldName): Given | undefined {
  const field = fieldOf(name);
  const fallback = 'default' in field ? field.default : undefined;
  if (fallback !== undefined) return { name: flagOf(name), value: fallback };
  return field.kind === 'switch' ? { name: flagOf(name), value: false } : undefined;
}

function parseField(
  name: FieldName,
  given: Given | undefined,
): { value: unknown } | { problem: string } {
  const field = fieldOf(name);
  if (given === undefined) {
    if (field.required !== true) return { value: undefined };
    const others = `or ${variableOf(name)}, or ${name} in the file of --config`;
    return { problem: `${flagOf(name)} is required (${others})` };
  }
  const result = v.safeParse(schemaOf(field), given.value);
  if (result.success) return { value: result.output };
  const shown = JSON.stringify(given.value) ?? String(given.value);
  const wanted = result.issues[0].message;
  return { problem: `${given.name} must be ${wanted}, not ${shown}` };
}

/** The messages say what a value must be: they complete the sentence "… must be …". */
function schemaOf(field: Field): v.GenericSchema<unknown, unknown> {
  switch (field.kind) {
    case 'integer': {
      const wanted = `a whole number in [${field.min}, ${field.max}]`;
      const digits = v.pipe(v.string(wanted), v.regex(/^\d{1,16}$/, wanted), v.transform(Number));
      return v.pipe(
        v.union([v.number(), digits], wanted),
        v.safeInteger(wanted),
        v.minValue(field.min, wanted),
        v.maxValue(field.max, wanted),
      );
    }
    case 'choice':
      return v.picklist(field.choices, field.choices.join(' or '));
    case 'switch': {
      const wanted = 'true or false';
      const text = v.pipe(
        v.picklist(['true', 'false'], wanted),
        v.transform((word) => word === 'true'),
      );
      return v.union([v.boolean(), text], wanted);
    }
    case 'id': {
      const wanted = `a name of ${boundsText(field)}`;
      return v.pipe(v.string(wanted), v.regex(NODE_ID, wanted));
    }
    case 'address':
      return ADDRESS_SCHEMA;
    case 'peers':
      return PEERS_SCHEMA;
    case 'hosts':
      return HOSTS_SCHEMA;
    case 'path':
  }
  return v.pipe(v.string('a path'), v.nonEmpty('a path'));
}

const NODE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const ADDRESS_WANTED = 'HOST:PORT (or [IPV6]:PORT) with a port up to 65535';
const ADDRESS_SCHEMA = v.pipe(
  v.string(ADDRESS_WANTED),
  v.check((text) => parseHostPort(text) !== undefined, ADDRESS_WANTED),
  v.transform(parseHostPort),
);

const PEERS_WANTED = `1 to ${PEERS_MAX} different voters as ID=HOST:PORT,ID=HOST:PORT,…`;
const PEERS_SCHEMA = v.pipe(
  v.string(PEERS_WANTED),
  v.transform(splitPeers),
  v.check((peers) => peers !== undefined, PEERS_WANTED),
);

const HOSTS_WANTED = `1 to ${HOST_NAMES_MAX} host names without ports, as NAME,*.SUFFIX,…`;
const HOSTS_SCHEMA = v.pipe(
  v.string(HOSTS_WANTED),
  v.transform((text) => text.split(',').map((name) => name.trim())),
  v.check((names) => names.length <= HOST_NAMES_MAX, HOSTS_WANTED),
  v.check((names) => names.every((name) => HOST_NAME.test(name)), HOSTS_WANTED),
);
const HOST_NAME = /^(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})$/;

function splitPeers(text: string): readonly Peer[] | undefined {
  const peers = text.split(',').map((part): Peer => {
    const at = part.indexOf('=');
    return { nodeId: part.slice(0, at).trim(), address: part.slice(at + 1).trim() };
  });
  const valid = peers.every(
    ({ nodeId, address }) => NODE_ID.test(nodeId) && (parseHostPort(address)?.port ?? 0) > 0,
  );
  const different =
    new Set(peers.map((peer) => peer.nodeId)).size === peers.length &&
    new Set(peers.map((peer) => peer.address)).size === peers.length;
  return valid && different && peers.length <= PEERS_MAX ? peers : undefined;
}

function crossFieldProblems(values: Parsed): string[] {
  const problems: string[] = [];
  const { node, peers, quorum, initialLeader, heartbeatMs, silenceMs } = values;
  const names = peers?.map((peer) => peer.nodeId);
  const listed = names?.join(', ');
  const holder = peers?.find(({ address }) => address === formatListen(values.listen));
  if (node !== undefined && holder !== undefined && holder.nodeId !== node) {
    // A learner needs no place among the voters; a misspelt voter would sit in another's place.
    problems.push(
      `--listen is the address of ${holder.nodeId} in --peers, and --node is "${node}"`,
    );
  }
  if (values.listen !== undefined && values.anonymous === undefined && !isLoopback(values.listen)) {
    const address = formatHostPort(values.listen);
    problems.push(
      `--listen ${address} is not a loopback address, so everybody who reaches it could read and write: listen on 127.0.0.1, or use --anonymous admin (${variableOf('anonymous')}=admin)`,
    );
  }
  if (initialLeader !== undefined && names !== undefined && !names.includes(initialLeader)) {
    problems.push(`--initial-leader must be one of --peers (${listed}), not "${initialLeader}"`);
  }
  if (values.unsafeDrillFaults !== undefined && values.unsafeDrillFaults !== values.data) {
    problems.push(
      `--unsafe-drill-faults must repeat the value of --data ("${values.data ?? ''}"), not "${values.unsafeDrillFaults}"`,
    );
  }
  if (quorum !== undefined && names !== undefined && quorum > names.length) {
    problems.push(`--quorum must be in [1, ${names.length}], the number of --peers, not ${quorum}`);
  }
  if (heartbeatMs !== undefined && silenceMs !== undefined && silenceMs < 3 * heartbeatMs) {
    // A peer must survive two lost signs of life.
    problems.push(
      `--silence-ms must be at least 3 x --heartbeat-ms (${3 * heartbeatMs}), not ${silenceMs}`,
    );
  }
  return problems;
}

function complete(values: Parsed): ServeConfig {
  const { node, listen } = values;
  assert(node !== undefined && listen !== undefined, 'required and defaulted options have values');
  const peers = values.peers ?? [{ nodeId: node, address: formatHostPort(listen) }];
  return {
    ...(values as { [N in FieldName]: FieldValue<N> }),
    peers,
    hostNames: values.hostNames ?? [],
    quorum: values.quorum ?? Math.floor(peers.length / 2) + 1,
    initialLeader: values.initialLeader ?? peers[0]?.nodeId ?? node,
  };
}

function formatListen(listen: HostPort | undefined): string | undefined {
  return listen === undefined ? undefined : formatHostPort(listen);
}

/** True if only this machine can reach the address. A name may resolve to any address, so the only name accepted is `localhost`. */
export function isLoopback(listen: HostPort): boolean {
  const url = `http://${formatHostPort(listen)}`;
  // URL writes an address in its shortest form.
  const host = URL.canParse(url) ? new URL(url).hostname : '';
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d+){3}$|^\[::ffff:7f/.test(host);
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
