/**
 * Goal: each row of the table of bounds in docs/guarantees.md has tests that go to the bound and beyond it.
 * Method: the row's first cell names tests here, by file and a part of their title; both have to exist, and no row may be without.
 */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** A test: its file under test/, and a part of its title as it stands in that file. */
type Named = readonly [file: string, title: string];

const TESTS: Readonly<Record<string, readonly Named[]>> = {
  key: [
    ['store/store.test.ts', 'takes keys of 4096 bytes and values of 16 MiB'],
    ['wal/format/record.test.ts', 'refuses a key over its limit'],
    ['wal/standalone.test.ts', 'a key of 4,097 bytes'],
  ],
  value: [
    ['store/store.test.ts', 'takes keys of 4096 bytes and values of 16 MiB'],
    ['wal/standalone.test.ts', 'a value over 16 MiB'],
    ['server/kv.test.ts', 'a chunked body is refused where it passes the limit'],
  ],
  'transaction, batch': [
    ['wal/format/scan.test.ts', 'takes a batch of exactly its limit, and none beyond'],
    ['wal/log.test.ts', 'a transaction that no batch holds'],
    ['wal/log.test.ts', 'what waits is bounded: beyond a batch it is BUSY'],
  ],
  segment: [
    ['wal/log.test.ts', 'a batch that no ordinary segment holds gets a larger one'],
    ['wal/log.test.ts', 'is begun when this one is half full'],
  ],
  'uncommitted log': [
    ['bounds/requests.test.ts', 'a write above the bytes that may wait to be committed'],
  ],
  'snapshots on disk': [
    ['node/replica/snapshotter.test.ts', 'two are kept, and the log above the older one'],
  ],
  'log behind the newest snapshot': [
    ['node/replica/snapshotter.test.ts', 'is taken once enough log has come together'],
  ],
  'log kept for a voter that lags': [
    ['leader/retention.test.ts', 'no further back than the bound'],
    ['leader/retention.test.ts', 'twice as far for a snapshot that is on its way'],
    ['sim/snapshots.test.ts', 'comes back by snapshot; the forecast had said so'],
  ],
  'log kept beyond that': [
    ['wal/log-purge.test.ts', 'takes whole segments that hold nothing above the LSN'],
    ['wal/log-purge.test.ts', 'stops at a border of segments that has so many bytes behind it'],
  ],
  'log applied to the store in a turn of the event loop': [
    ['node/replica/applier.test.ts', 'is applied in turns, from %s'],
  ],
  'log gone through by a watch in a turn': [
    ['node/requests/watch-path.test.ts', 'lets others have their turns'],
  ],
  'the next segment, filled ahead': [
    ['bounds/log.test.ts', 'the next segment is filled in pieces'],
  ],
  'a snapshot taken': [['bounds/log.test.ts', 'a snapshot is taken in pages']],
  'after a snapshot that failed': [
    [
      'node/replica/snapshotter.test.ts',
      'that the disk has no room for is said, and not tried again at once',
    ],
  ],
  'sealed log read again': [['bounds/times.test.ts', 'sealed log is read again no faster']],
  'other voters asked for a damaged segment': [
    ['sim/scrub.test.ts', 'of the only voter raises an alarm and refuses nothing'],
  ],
  'peers that fetch log from a node': [
    ['bounds/links.test.ts', 'one more peer that fetches log is BUSY'],
  ],
  'events of a node in memory': [
    ['node/api/event-log.test.ts', 'the oldest events give way, and it shows'],
  ],
  voters: [
    ['config/config.test.ts', 'takes as many voters as there may be, and refuses more'],
    [
      'wal/format/seal.test.ts',
      'holds as many voters as the format allows, and is refused with one more',
    ],
  ],
  'what a follower writes with one fsync': [
    ['follower/inbox.test.ts', 'takes no more at a time than a follower may write'],
  ],
  'frame between nodes': [
    ['protocol/pieces.test.ts', 'bytes goes in one frame'],
    ['protocol/pieces.test.ts', 'that is larger than a frame comes back whole'],
  ],
  'control message between nodes': [
    ['ports/ws-link.test.ts', 'that sends a message over the limit loses its link and nobody else'],
  ],
  'sent to a follower and not acknowledged': [
    ['bounds/links.test.ts', 'what is sent to a follower waits'],
  ],
  'of a snapshot, sent to a follower and not taken in': [
    ['bounds/links.test.ts', 'a snapshot is sent no further ahead than the bound'],
  ],
  'of a snapshot, received and not written': [
    ['bounds/links.test.ts', 'a leader that sends a snapshot further ahead than it may'],
  ],
  'a snapshot held for a follower that is not heard of': [
    ['bounds/log.test.ts', 'a snapshot that was given away holds log'],
  ],
  'a snapshot that came in part': [
    ['bounds/log.test.ts', 'one snapshot that came in part is kept'],
  ],
  "unsent bytes in a link's buffer": [
    ['ports/ws-link.test.ts', 'that never reads costs its own link buffered bytes'],
  ],
  'recent batches in memory': [
    [
      'wal/read/recent-batches.test.ts',
      'are what was added, as many as fit, from any seal that is held',
    ],
  ],
  'links that have not said hello': [
    [
      'bounds/links.test.ts',
      'for one more link that has not said what it wants the oldest such one gives way',
    ],
  ],
  'saved tails': [['wal/files/saved.test.ts', 'refuses at its cap, and erases nothing']],
  'waiting reads and waits': [['bounds/requests.test.ts', 'one more waiting read is BUSY']],
  'waiting writes': [['bounds/requests.test.ts', 'one more waiting write is BUSY']],
  'reads and failed conditions that wait for a proof of leading': [
    ['bounds/requests.test.ts', 'one more read that waits for a proof of leading is BUSY'],
  ],
  'received by a follower and not written': [
    ['follower/inbox.test.ts', 'is full above its bound, and has room again'],
  ],
  'log read ahead for those who catch up': [
    ['bounds/log.test.ts', 'what was read ahead is kept for as many places as the bound'],
  ],
  'batches held back at start until a seal calls them committed': [
    ['bounds/log.test.ts', 'as many batches as fit are held back at a start'],
    ['bounds/log.test.ts', 'one byte more than fits is not held back'],
  ],
  'silence of a peer': [
    ['leader/session.test.ts', 'and counts its silence in ticks'],
    ['sim/auto-failover.test.ts', 'a follower that was stopped does not take that for the silence'],
  ],
  'heartbeat on an idle session': [
    ['leader/session.test.ts', 'an idle session sends a heartbeat as often as it has to'],
  ],
  'a leader alone': [['bounds/times.test.ts', 'steps down after twice the silence limit']],
  'automatic attempt to lead': [
    [
      'node/api/trigger.test.ts',
      'fires after more than the silence limit and before twice as much',
    ],
  ],
  'one question to a voter': [['bounds/times.test.ts', 'counts as silent after the time']],
  'rest of a round once there are enough answers': [
    ['bounds/times.test.ts', 'a round goes on without the rest'],
  ],
  'patience with a candidate that was promised': [
    ['sim/switchover.test.ts', 'whose target dies at any moment ends, and the cluster goes on'],
  ],
  'message between client and node': [
    ['client/client.test.ts', 'what no node would take is refused before it is sent'],
    ['server/client-session.test.ts', 'a length of 4 GiB'],
  ],
  "requests in flight on one client's link, their bytes": [
    ['server/client-session.test.ts', 'too many at once are refused, and nothing else is'],
    [
      'server/client-session.test.ts',
      'too many bytes at once are refused by id, and room comes back',
    ],
    ['client/client.test.ts', 'more requests than a node takes at once wait for their turn'],
  ],
  'requests of all clients in memory, HTTP bodies included': [
    ['server/kv.test.ts', 'bodies in memory are bounded together'],
  ],
  'answers that a client has not taken': [
    ['server/connections.test.ts', 'answers that nobody takes are bounded together'],
    ['server/client-session.test.ts', 'is not served on until it does, and then gets everything'],
    ['server/client-session.test.ts', 'is disconnected after a while'],
  ],
  'silence of a client': [
    [
      'server/client-session.test.ts',
      'a link without a hello is closed, and so is one without any byte',
    ],
  ],
  'changes of a watch that the library holds': [
    ['client/client.test.ts', 'a watcher that looks at nothing costs a bounded number of changes'],
  ],
  'calls under way in one client': [
    ['bounds/client.test.ts', 'one more call than a client may have under way is BUSY'],
  ],
  'writes held up by a switchover, or by a leadership that has only begun': [
    ['node/requests/write-hold.test.ts', 'are bounded in number and in bytes, and room comes back'],
  ],
  'writes held up by a leadership that has only begun': [
    ['bounds/requests.test.ts', 'writes are held up for a bounded time'],
  ],
  'operations and conditions of one transaction': [
    ['server/resources.test.ts', 'as many operations as may be are written'],
    ['server/resources.test.ts', 'than a transaction may have are refused'],
  ],
  'records of one batch': [
    ['wal/log.test.ts', 'what comes in one turn is several batches where it has many records'],
  ],
  'log of a leader that is committed or not, and not applied': [
    [
      'node/requests/write-path.test.ts',
      'writing waits for a state that falls behind what is committed',
    ],
  ],
  'operations, and conditions, of a write that are checked, judged or encoded in a turn': [
    [
      'wal/format/batch-builder.test.ts',
      'takes a step for a bounded number of operations, and for a bounded number of bytes',
    ],
    ['node/requests/write-path.test.ts', 'is judged over several turns'],
  ],
  'waiting reads and writes that are told in a turn': [
    ['leader/waiters.test.ts', 'thousands that are done are told in several turns'],
  ],
  'leaderships in a snapshot, and of a node in memory': [
    [
      'wal/format/history-spans.test.ts',
      'a history of 100,000 leaderships is as long as what the log holds and the keys name',
    ],
    ['sim/leaderships.test.ts', '100,000'],
  ],
  'epochs and LSNs': [
    ['protocol/codec.test.ts', 'an epoch beyond the last one'],
    ['protocol/codec.test.ts', 'an LSN beyond the last one'],
    ['sim/extremes.test.ts', 'CLAIM_UNPROVEN'],
  ],
  'an epoch that a peer comes in with, above what this node knows': [
    ['node/rules/judge-ask.test.ts', 'may not stand farther above'],
  ],
  'faults of peers that are told': [
    ['node/cluster/peer-faults.test.ts', 'what a peer does wrong is told at once, and then seldom'],
    ['node/cluster/peer-faults.test.ts', 'peers that make up names are told as one'],
  ],
  '`meta.json`': [['wal/files/meta.test.ts', 'is never written so that it would not read again']],
  'after a full copy or a cut for which there was no room, or a wrong snapshot': [
    ['node/role/follow-pause.test.ts', 'asks again after ever longer pauses, up to a bound'],
  ],
  'epochs in a hello': [
    [
      'leader/find-fork.test.ts',
      'the fork of two logs is told where it can be, and never another one',
    ],
    ['leader/find-fork.test.ts', 'an epoch of which only the rest is known is the same leadership'],
  ],
  'requests in one frame of a client’s link': [
    ['server/client-session.test.ts', 'that come by the thousand in one frame close their link'],
  ],
  'opening a file where no descriptor or memory is to be had for it': [
    ['ports/node-disk.test.ts', 'one that is not to be had for long is no failed disk'],
  ],
  'a leader whose disk takes nothing new, while another voter in session has room': [
    [
      'node/status/disk-watch.test.ts',
      'by itself only after a while, and where failover is automatic',
    ],
    ['node/status/disk-watch.test.ts', 'hands the lead over once'],
  ],
  'blocks of one segment that the disk cannot read, at a start': [
    ['wal/files/unreadable.test.ts', 'a disk that reads hardly anything has failed'],
  ],
  'room for meta.json': [['wal/full-disk.test.ts', 'a start there may be interrupted anywhere']],
  'names in `--host-names`': [
    ['config/config.test.ts', 'takes as many names of hosts as there may be, and refuses more'],
  ],
  'links between nodes to one node': [
    [
      'bounds/links.test.ts',
      'for one more link that has not said what it wants the oldest such one gives way',
    ],
  ],
  'connections to a node': [
    [
      'server/crowded.test.ts',
      'the connection that has been idle for longest gives way to a newcomer',
    ],
    ['server/crowded.test.ts', 'where all are busy, operators, health checks and nodes are served'],
  ],
  'links of clients to a node': [
    ['server/crowded.test.ts', 'where all are busy, operators, health checks and nodes are served'],
  ],
  'descriptors beside connections': [
    ['server/descriptor-limit.test.ts', 'connections leave descriptors for files'],
  ],
  'operations, and conditions, of a large write of a client, decoded in a turn': [
    ['server/client-session.test.ts', 'a write of many items reaches the node whole'],
  ],
  'log on disk': [['wal/log.test.ts', 'shows up while the log has room: appends are rejected']],
};

/** Rows whose bound is a slice of work in one turn of the event loop, which only the turns of real nodes are looked at for. */
const IN_TURNS = [
  'log that came from a leader, verified in a turn',
  'JSON of a large request, or of a large answer, in a turn',
];

const guarantees = readFileSync(new URL('../../docs/guarantees.md', import.meta.url), 'utf8');
const rows = guarantees
  .slice(guarantees.indexOf('\n## Bounds'))
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.split(' | ')[0]?.slice(2) ?? '')
  .filter((cell) => cell !== 'Bound' && cell !== '---');

test('each bound that is documented has a test', () => {
  expect(rows.length).toBeGreaterThan(50);
  expect(rows.filter((row) => TESTS[row] === undefined)).toEqual(IN_TURNS);
  expect(Object.keys(TESTS).filter((row) => !rows.includes(row))).toEqual([]);
});

test.for(Object.entries(TESTS))('%s: its tests exist', ([, named]) => {
  for (const [file, title] of named) {
    const path = new URL(`../${file}`, import.meta.url);
    expect(existsSync(path), file).toBe(true);
    // A title may be broken over lines.
    const source = readFileSync(path, 'utf8').replace(/\s+/g, ' ');
    expect(source.includes(title), `${file}: ${title}`).toBe(true);
  }
});
