import { describe, expect, test } from 'vitest';
import { loadConfig, parseHostPort } from '../../src/config/config.ts';
import { HOST_NAMES_MAX, PEERS_MAX } from '../../src/config/fields.ts';
import { WalshipError } from '../../src/errors.ts';

const PEERS = 'n1=127.0.0.1:7401,n2=127.0.0.1:7402,n3=127.0.0.1:7403';
const FLAGS = { node: 'n1', data: '/data', peers: PEERS };

interface Given {
  readonly flags?: Record<string, unknown>;
  readonly env?: Record<string, string>;
  readonly file?: unknown;
}

function load({ flags = {}, env = {}, file }: Given = {}) {
  const text = typeof file === 'string' ? file : JSON.stringify(file);
  return loadConfig({
    flags: { ...FLAGS, ...flags, ...(file === undefined ? {} : { config: 'walship.json' }) },
    env,
    readFile: () => text,
  });
}

function problemsOf(given: Given): readonly string[] {
  try {
    load(given);
  } catch (error) {
    expect(error).toBeInstanceOf(WalshipError);
    const { code, details } = error as WalshipError;
    expect(code).toBe('CONFIG_INVALID');
    return details['problems'] as readonly string[];
  }
  return [];
}

describe('configuration of serve', () => {
  test('takes as many voters as there may be, and refuses more', () => {
    const peers = (count: number): string =>
      Array.from({ length: count }, (_, index) => `n${index + 1}=127.0.0.1:${7401 + index}`).join();

    expect(load({ flags: { peers: peers(PEERS_MAX) } }).peers).toHaveLength(PEERS_MAX);
    expect(problemsOf({ flags: { peers: peers(PEERS_MAX + 1) } })).toEqual([
      expect.stringContaining(`1 to ${PEERS_MAX} different voters`),
    ]);
  });

  test('is complete with a name, a directory and peers', () => {
    expect(load()).toMatchObject({
      node: 'n1',
      listen: { host: '127.0.0.1', port: 7401 },
      data: '/data',
      peers: [
        { nodeId: 'n1', address: '127.0.0.1:7401' },
        { nodeId: 'n2', address: '127.0.0.1:7402' },
        { nodeId: 'n3', address: '127.0.0.1:7403' },
      ],
      quorum: 2,
      failover: 'manual',
      initialLeader: 'n1',
      segmentBytes: 64 * 1024 * 1024,
      onDamage: 'refuse',
      unsafeNoLock: false,
    });
  });

  test('takes a node that is not among the peers: a learner', () => {
    const config = load({ flags: { node: 'n4', listen: '127.0.0.1:7404' } });

    expect(config.node).toBe('n4');
    expect(config.peers).toHaveLength(3);
  });

  test('is a cluster of one where no peers are named', () => {
    const config = load({ flags: { peers: undefined, listen: '[::1]:7500' } });

    expect(config.peers).toEqual([{ nodeId: 'n1', address: '[::1]:7500' }]);
    expect(config.quorum).toBe(1);
    expect(config.initialLeader).toBe('n1');
  });

  test('prefers flags to variables and variables to the file', () => {
    const env = { WALSHIP_QUORUM: '2', WALSHIP_LOG_LEVEL: 'warn' };
    const file = { quorum: 3, logLevel: 'error', onDamage: 'cut', unsafeNoLock: true };
    const config = load({ flags: { quorum: '1' }, env, file });

    expect(config).toMatchObject({
      quorum: 1,
      logLevel: 'warn',
      onDamage: 'cut',
      unsafeNoLock: true,
    });
  });

  test('takes the path of the file from WALSHIP_CONFIG too', () => {
    const config = loadConfig({
      flags: FLAGS,
      env: { WALSHIP_CONFIG: '/etc/walship.json' },
      readFile: (path) => (path === '/etc/walship.json' ? '{"quorum": 3}' : ''),
    });

    expect(config.quorum).toBe(3);
  });

  test('reports every problem at once, each by the name it was given by', () => {
    const problems = problemsOf({
      flags: { node: 'n 1', listen: 'nowhere', peers: 'n1', data: undefined },
      env: { WALSHIP_QUORUM: 'many', WALSHIP_HEARTBEAT: '5', PATH: '/bin' },
      file: { segmentBytes: 12, colour: 'red' },
    });

    expect(problems).toEqual([
      'WALSHIP_HEARTBEAT is not an option',
      'colour in walship.json is not an option',
      '--node must be a name of up to 64 letters, digits, dots, dashes and underscores, not "n 1"',
      '--listen must be HOST:PORT (or [IPV6]:PORT) with a port up to 65535, not "nowhere"',
      '--data is required (or WALSHIP_DATA, or data in the file of --config)',
      '--peers must be 1 to 9 different voters as ID=HOST:PORT,ID=HOST:PORT,…, not "n1"',
      'WALSHIP_QUORUM must be a whole number in [1, 9], not "many"',
      'segmentBytes in walship.json must be a whole number in [4096, 1073741824], not 12',
    ]);
  });

  test('says one problem in one line and several as a list', () => {
    expect(() => load({ flags: { quorum: '0' } })).toThrow(/^--quorum must be [^\n]+, not "0"$/);
    expect(() => load({ flags: { quorum: '0', node: '' } })).toThrow(/^2 problems:\n {2}--node/);
  });

  test.for<[string, Given, string]>([
    [
      'a node at the address of another one',
      { flags: { node: 'n4', listen: '127.0.0.1:7401' } },
      '--listen is the address of n1 in --peers, and --node is "n4"',
    ],
    [
      'a quorum above the voters',
      { flags: { quorum: '4' } },
      '--quorum must be in [1, 3], the number of --peers, not 4',
    ],
    [
      'an initial leader that is no peer',
      { flags: { initialLeader: 'x' } },
      '--initial-leader must be one of --peers (n1, n2, n3), not "x"',
    ],
    [
      'a silence below three heartbeats',
      { flags: { heartbeatMs: '100', silenceMs: '299' } },
      '--silence-ms must be at least 3 x --heartbeat-ms (300), not 299',
    ],
    [
      'a peer named twice',
      { flags: { peers: 'n1=a:1,n1=b:1' } },
      '--peers must be 1 to 9 different voters as ID=HOST:PORT,ID=HOST:PORT,…, not "n1=a:1,n1=b:1"',
    ],
    [
      'an address named twice',
      { flags: { peers: 'n1=a:1,n2=a:1' } },
      '--peers must be 1 to 9 different voters as ID=HOST:PORT,ID=HOST:PORT,…, not "n1=a:1,n2=a:1"',
    ],
    [
      'a peer without a port',
      { flags: { peers: 'n1=a:0' } },
      '--peers must be 1 to 9 different voters as ID=HOST:PORT,ID=HOST:PORT,…, not "n1=a:0"',
    ],
    [
      'a level that is none',
      { flags: { logLevel: 'loud' } },
      '--log-level must be trace or debug or info or warn or error or silent, not "loud"',
    ],
    [
      'a switch with a word',
      { env: { WALSHIP_UNSAFE_NO_LOCK: 'yes' } },
      'WALSHIP_UNSAFE_NO_LOCK must be true or false, not "yes"',
    ],
    [
      'a number with a unit',
      { flags: { segmentBytes: '64MiB' } },
      '--segment-bytes must be a whole number in [4096, 1073741824], not "64MiB"',
    ],
    ['a file that is a list', { file: [] }, 'walship.json must hold one JSON object'],
  ])('refuses %s', ([, given, problem]) => {
    expect(problemsOf(given)).toEqual([problem]);
  });

  test.for([
    '0.0.0.0:7401',
    '[::]:7401',
    '10.1.2.3:7401',
    '172.18.0.2:7401',
    '[2001:db8::1]:7401',
    '[::ffff:10.0.0.1]:7401',
    'n1:7401',
    'localhost.example:7401',
    '127.0.0.1.example:7401',
    '127.example:7401',
  ])('listens on %s only where it says plainly that anybody may do anything', (listen) => {
    const more = { peers: undefined, listen };

    expect(problemsOf({ flags: more })).toEqual([
      `--listen ${listen} is not a loopback address, so everybody who reaches it could read and write: listen on 127.0.0.1, or use --anonymous admin (WALSHIP_ANONYMOUS=admin)`,
    ]);
    expect(load({ flags: { ...more, anonymous: 'admin' } }).anonymous).toBe('admin');
    expect(load({ flags: more, env: { WALSHIP_ANONYMOUS: 'admin' } }).anonymous).toBe('admin');
    expect(problemsOf({ flags: { ...more, anonymous: 'yes' } })[0]).toMatch(/^--anonymous must be/);
  });

  test.for([
    '127.0.0.1:0',
    '127.8.9.10:7401',
    'localhost:7401',
    'LocalHost:7401',
    '[::1]:7401',
    '[0:0::1]:7401',
    '[::ffff:127.0.0.1]:1',
  ])('listens on %s without a word', (listen) => {
    expect(load({ flags: { peers: undefined, listen } }).anonymous).toBeUndefined();
  });

  test('takes as many names of hosts as there may be, and refuses more', () => {
    const names = (count: number): string =>
      Array.from({ length: count }, (_, index) => `n${index}.example`).join();

    expect(problemsOf({ flags: { hostNames: names(HOST_NAMES_MAX) } })).toEqual([]);
    expect(problemsOf({ flags: { hostNames: names(HOST_NAMES_MAX + 1) } })).toEqual([
      expect.stringContaining(`1 to ${HOST_NAMES_MAX} host names`),
    ]);
  });

  test('takes more names of hosts as a list', () => {
    expect(load().hostNames).toEqual([]);
    expect(load({ flags: { hostNames: 'db.example, *.svc.cluster.local' } }).hostNames).toEqual([
      'db.example',
      '*.svc.cluster.local',
    ]);
    for (const hostNames of [
      '',
      '*',
      '*.',
      'db.example:7401',
      'http://db.example',
      'a,,b',
      'a.*.b',
    ]) {
      expect(problemsOf({ flags: { hostNames } })[0]).toMatch(
        /^--host-names must be 1 to 64 host names/,
      );
    }
    const names = (count: number): string =>
      Array.from({ length: count }, (_, i) => `h${i}`).join(',');
    expect(load({ flags: { hostNames: names(64) } }).hostNames).toHaveLength(64);
    expect(problemsOf({ flags: { hostNames: names(65) } })).toHaveLength(1);
  });

  test('refuses a file that is no JSON, and one that is not there', () => {
    expect(problemsOf({ file: '{' })).toEqual([
      expect.stringMatching(/^walship\.json cannot be read: /),
    ]);
    expect(() =>
      loadConfig({ flags: { ...FLAGS, config: '/nonexistent/walship.json' }, env: {} }),
    ).toThrow(/ENOENT/);
  });

  test('does not take names of every object for options', () => {
    expect(
      problemsOf({ file: JSON.parse('{"__proto__": 1, "constructor": 2}') as unknown }),
    ).toContain('constructor in walship.json is not an option');
  });
});

describe('addresses', () => {
  test.for([
    ['127.0.0.1:7401', { host: '127.0.0.1', port: 7401 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['[::1]:65535', { host: '::1', port: 65535 }],
    ['localhost', undefined],
    ['localhost:', undefined],
    [':7401', undefined],
    ['localhost:65536', undefined],
    ['::1:7401', undefined],
    ['http://localhost:7401', undefined],
    ['user@localhost:7401', undefined],
  ] as const)('%s', ([text, expected]) => {
    expect(parseHostPort(text)).toEqual(expected);
  });
});
