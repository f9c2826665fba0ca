/**
 * Named defects: each is a mistake that somebody could make, and what has to notice it. `find` is exact text that
 * occurs once in `file`; `also` are further changes that belong to the same mistake, where another guard stands behind the first one.
 * `test` is what `vitest run` gets, or seeds of the simulation.
 */
const unit = (...args) => ['--project', 'unit', '--project', 'component', ...args];
const traces = (title) => ['--project', 'sim', 'test/sim/traces', '-t', `: ${title}`];

const clients = ['--project', 'sim', 'test/sim/client.test.ts'];

export const DEFECTS = [
  {
    name: 'stranger-believed',
    what: 'a node that is no voter is promised what it asks for, and what it says ends a leadership',
    file: 'src/protocol/stranger.ts',
    find: 'return !voters.includes(nodeId);',
    replace: 'return voters.length === 0 && nodeId === "";',
    test: ['--project', 'sim', 'test/sim/extremes.test.ts', '-t', 'a stranger says'],
  },
  {
    name: 'far-epoch-believed',
    what: 'a voter promises whatever epoch a process asks for that calls itself a voter',
    file: 'src/node/election/doubtful-candidate.ts',
    find: 'if (epoch - fence <= EPOCH_STEP_MAX || found.fence >= epoch) return undefined;',
    replace: 'if (epoch - fence <= Infinity) return undefined;',
    test: ['--project', 'sim', 'test/sim/extremes.test.ts', '-t', 'calls itself a voter'],
  },
  {
    name: 'lost-data-believed',
    what: 'a leader becomes suspect because a process that calls itself a voter claims to have more',
    file: 'src/leader/leader.ts',
    find: 'if (claim !== undefined && !isProven(hello, claim, await hooks.identityAt(hello.nodeId))) {',
    replace: 'if (claim !== undefined && !isProven(hello, claim, await hooks.identityAt(hello.nodeId)) && claim.lsn === null) {',
    test: ['--project', 'sim', 'test/sim/extremes.test.ts', '-t', 'calls itself a voter'],
  },
  {
    name: 'unreadable-meta-written',
    what: 'meta.json is written without a look whether it reads again',
    file: 'src/wal/files/meta.ts',
    find: '    decodeMeta(bytes, META_NAME);\n',
    replace: '',
    test: unit('test/wal/files/meta.test.ts'),
  },
  {
    name: 'named-leadership-forgotten',
    what: 'a leadership is forgotten although a live key names it',
    file: 'src/wal/log-history.ts',
    find: ' || named.firstLsns.has(firstLsn)',
    replace: '',
    test: unit('test/wal/format/history-spans.test.ts'),
  },
  {
    name: 'fork-behind-what-is-forgotten',
    what: 'a fork is told although it is forgotten who wrote what follows',
    file: 'src/leader/find-fork.ts',
    find: "if (isForgotten) return { kind: 'unknown' };",
    replace: '',
    test: unit('test/leader/find-fork.test.ts'),
  },
  {
    name: 'forgotten-is-replaced',
    what: 'a version of a forgotten leadership is called cut off',
    file: 'src/node/requests/versions.ts',
    find: `  if (holder === undefined) return { kind: 'current' };
  if (holder.epoch === null) return { kind: 'forgotten' };`,
    replace: "  if (holder === undefined || holder.epoch === null) return { kind: 'replaced', by: 0, from: 0 };",
    test: unit('test/node/requests/versions.test.ts'),
  },
  {
    name: 'answer-to-no-probe',
    what: 'an answer to a probe that was never sent counts for all that follow',
    file: 'src/leader/probes.ts',
    find: 'if (number > this.asked) return false;',
    replace: 'if (number > Infinity) return false;',
    test: unit('test/leader/probes.test.ts'),
  },
  {
    name: 'no-fsync',
    what: 'a batch is written and not fsynced before it is durable',
    file: 'src/wal/write/segment-writer.ts',
    find: 'await file.writeDurable([headerOf(bytes, place), bytes], offset);',
    replace: 'await file.write(Buffer.concat([headerOf(bytes, place), bytes]), offset);',
    test: unit('test/wal/crash.test.ts'),
  },
  {
    name: 'no-fsync-on-a-follower',
    what: 'the same, where the batches came from a leader',
    file: 'src/wal/write/segment-writer.ts',
    find: 'await file.writeDurable([headerOf(bytes, place), bytes], offset);',
    replace: 'await file.write(Buffer.concat([headerOf(bytes, place), bytes]), offset);',
    test: unit('test/wal/crash.test.ts', '-t', 'a follower.*power loss at every disk operation$'),
  },
  {
    name: 'no-fsync-in-a-cluster',
    what: 'the same, in a cluster',
    file: 'src/wal/write/segment-writer.ts',
    find: 'await file.writeDurable([headerOf(bytes, place), bytes], offset);',
    replace: 'await file.write(Buffer.concat([headerOf(bytes, place), bytes]), offset);',
    test: { seeds: 40, from: 1 },
  },
  {
    name: 'half-a-batch-is-read',
    what: 'a batch that takes several turns to apply is read before it is whole',
    file: 'src/node/replica/applier.ts',
    find: 'while (!this.isSettled && !this.#options.failed()) {',
    replace: 'while (!this.isSettled && this.#options.failed()) {',
    test: unit('test/node/replica/applier.test.ts'),
  },
  {
    name: 'judged-and-overtaken',
    what: 'other writes get LSNs while the conditions of a large one are judged',
    file: 'src/node/requests/write-path.ts',
    find: `    this.#hold.pause('large');
    try {`,
    replace: '    try {',
    test: unit('test/node/requests/write-path.test.ts'),
  },
  {
    name: 'client-write-decoded-at-once',
    what: 'the operations of a large write of a client are decoded in one turn',
    file: 'src/protocol/client-requests.ts',
    find: '    if (ops.length % ITEMS_PER_STEP === 0) yield;\n',
    replace: '',
    test: unit('test/protocol/client-codec.test.ts'),
  },
  {
    name: 'large-write-encoded-at-once',
    what: 'the operations of a large write are encoded in one turn',
    file: 'src/wal/format/prepared-transaction.ts',
    find: `    stepEnd = end + STEP_BYTES;
    yield;`,
    replace: '    stepEnd = end + STEP_BYTES;',
    test: unit('test/wal/format/batch-builder.test.ts'),
  },
  {
    name: 'announced-is-held',
    what: 'a message of a client takes its whole length from the budget of all when it is announced',
    file: 'src/protocol/message-splitter.ts',
    find: 'const step = Math.min(TAKEN_BYTES, rest);',
    replace: 'const step = rest;',
    test: unit('test/server/client-session.test.ts'),
  },
  {
    name: 'items-unbounded',
    what: 'a transaction in JSON may have any number of operations',
    file: 'src/server/txn-json.ts',
    find: 'if (this.#count() >= TRANSACTION_ITEMS_MAX) throw tooMany();',
    replace: '',
    test: unit('test/server/resources.test.ts'),
  },
  {
    name: 'stalled-reader-lingers',
    what: 'the connection of a reader that takes nothing is closed, and not reset',
    file: 'src/server/sending.ts',
    find: 'socket.resetAndDestroy()',
    replace: 'socket.destroy()',
    test: unit('test/server/slow-readers.test.ts'),
  },
  {
    name: 'idle-clients-keep-others-out',
    what: 'idle connections do not give way to newcomers',
    file: 'src/server/connections.ts',
    find: 'if (this.#open.size >= this.max) this.#giveWay();',
    replace: '',
    test: unit('test/server/crowded.test.ts'),
  },
  {
    name: 'newcomers-cut-health-checks',
    what: 'a connection that has not asked for anything yet gives way to the next one, though places that are kept are free',
    file: 'src/server/connections.ts',
    find: 'if (keptTaken || !this.#fresh.has(socket)) return socket;',
    replace: 'if (keptTaken || socket !== undefined) return socket;',
    test: unit('test/server/crowded.test.ts'),
  },
  {
    name: 'strangers-take-the-links',
    what: 'the session of a voter gives way to newer links',
    file: 'src/leader/leader.ts',
    find: 'if (voters.includes(hello.nodeId)) link.keep?.();',
    replace: '',
    test: unit('test/leader/leader.test.ts'),
  },
  {
    name: 'body-before-redirect',
    what: 'a follower takes the body of a write before it says who leads',
    file: 'src/server/write.ts',
    find: 'if (refusal !== undefined) throw refusal;',
    replace: '',
    test: unit('test/server/crowded.test.ts'),
  },
  {
    name: 'ack-before-write',
    what: 'a batch is reported as durable before it is written',
    file: 'src/wal/write/group-commit.ts',
    find: `    try {
      offset = await write(batch);
    } catch (error) {
      onFailed(error);
      return;
    }
    this.#inFlight = undefined;
    onDurable(batch, offset);`,
    replace: `    onDurable(batch, 512);
    try {
      offset = await write(batch);
    } catch (error) {
      onFailed(error);
      return;
    }
    this.#inFlight = undefined;
    void offset;`,
    test: unit('test/wal/log.test.ts'),
  },
  {
    name: 'ack-before-write-in-a-cluster',
    what: 'the same, in a cluster',
    file: 'src/wal/write/group-commit.ts',
    find: `    try {
      offset = await write(batch);
    } catch (error) {
      onFailed(error);
      return;
    }
    this.#inFlight = undefined;
    onDurable(batch, offset);`,
    replace: `    onDurable(batch, 512);
    try {
      offset = await write(batch);
    } catch (error) {
      onFailed(error);
      return;
    }
    this.#inFlight = undefined;
    void offset;`,
    test: { seeds: 40, from: 1 },
  },
  {
    name: 'leader-counts-unwritten',
    what: 'the leader counts itself for what it has not fsynced',
    file: 'src/leader/leader.ts',
    find: 'leaderDurableLsn: this.#counts ? log.durable.lsn : 0,',
    replace: 'leaderDurableLsn: this.#counts ? log.last.lsn : 0,',
    test: { seeds: 40, from: 1 },
  },
  {
    name: 'follower-acks-before-write',
    what: 'the follower acks before its write is durable',
    file: 'src/follower/follower.ts',
    find: '    const durable = await this.#host.log.write(bytes, batches);\n',
    replace: `    const writing = this.#host.log.write(bytes, batches);
    const { lsn: durableLsn, chain } = this.#host.log.written;
    const { appliedLsn } = this.#host;
    const { receivedLsn } = this;
    const epoch = this.#epoch;
    this.#send({ kind: 'ack', epoch, durableLsn, chain, receivedLsn, appliedLsn, writable: true });
    const durable = await writing;
`,
    test: { seeds: 40, from: 1 },
  },
  {
    name: 'compare-before-fence',
    what: 'a voter compares positions before it fences',
    file: 'src/node/election/voter.ts',
    find: `    replica.raiseFence(ask.epoch);
    await replica.log.drained();
`,
    replace: `    const early = this.#reply(ask, this.#judge(ask, replica.fence));
    if (!again && early.granted) {
      const { epoch, candidate, attempt } = ask;
      await replica.promise({ epoch, candidate, attempt });
      replica.raiseFence(epoch);
      await replica.log.drained();
      return early;
    }
    replica.raiseFence(ask.epoch);
    await replica.log.drained();
`,
    test: unit('test/node/election/voter.test.ts', '-t', 'compares with what was in flight'),
  },
  {
    name: 'promise-after-grant',
    what: 'a voter grants before its promise is fsynced',
    file: 'src/node/election/voter.ts',
    find: 'await replica.promise({ epoch, candidate, attempt }, config);',
    replace: `void replica.promise({ epoch, candidate, attempt }, config);
      return this.#reply(ask, judged);`,
    test: unit('test/node/election/voter.test.ts'),
  },
  {
    name: 'promise-not-fsynced',
    what: 'meta.json, and with it the promise, is renamed without an fsync',
    file: 'src/wal/files/adopt.ts',
    find: '      await file.sync();\n    } finally',
    replace: '    } finally',
    test: unit('test/wal/files/meta.test.ts'),
  },
  {
    name: 'incoming-from-the-cache',
    what: 'a snapshot that comes in goes on behind what an earlier life left, without writing that again',
    file: 'src/wal/snapshot/snapshot-incoming.ts',
    find: 'await adoptInPlace(file, offset);',
    replace: 'await file.truncate(offset);',
    test: unit('test/wal/files/adopt.test.ts'),
  },
  {
    name: 'full-disk-does-not-start',
    what: 'a last segment that has no room to be copied is not written over itself',
    file: 'src/wal/recovery/rewrite-last.ts',
    find: '      if (!isUnwritable(error)) throw error;\n      const copy = await rewriteInPlace',
    replace: '      if (error instanceof Error) throw error;\n      const copy = await rewriteInPlace',
    test: unit('test/wal/full-disk.test.ts'),
  },
  {
    name: 'no-room-for-a-promise',
    what: 'the room for the next meta.json is not taken beforehand',
    file: 'src/wal/files/meta.ts',
    find: 'const renamed = (): Promise<void> => this.#keepSpare();',
    replace: 'const renamed = (): Promise<void> => Promise.resolve();',
    also: [{ file: 'src/wal/files/meta.ts', find: '      await this.#keepSpare();\n', replace: '' }],
    test: unit('test/wal/full-disk.test.ts'),
  },
  {
    name: 'full-leader-keeps-the-lead',
    what: 'a leader whose disk is full does not hand over to a voter that has room',
    file: 'src/node/status/disk-watch.ts',
    find: "if (failover !== 'auto' || unwritableMs < UNWRITABLE_HAND_OVER_MS) return undefined;",
    replace: "if (failover !== 'auto' || unwritableMs < Infinity) return undefined;",
    test: ['--project', 'sim', 'test/sim/full-disks.test.ts'],
  },
  {
    name: 'lead-for-the-full',
    what: 'a leader without room hands over to a voter that has none either',
    file: 'src/node/status/disk-watch.ts',
    find: '.filter(({ counts, writable }) => counts && writable)',
    replace: '.filter(({ counts }) => counts)',
    test: unit('test/node/status/disk-watch.test.ts'),
  },
  {
    name: 'full-leader-looks-healthy',
    what: 'GET /leader says yes while the disk of the leader is full',
    file: 'src/server/health.ts',
    find: 'notReady ?? unwritable',
    replace: 'notReady',
    also: [{ file: 'src/server/health.ts', find: ', notReady, unwritable = null }', replace: ', notReady }' }],
    test: unit('test/server/resources.test.ts'),
  },
  {
    name: 'unreadable-ends-recovery',
    what: 'a sector that recovery cannot read ends every start',
    file: 'src/wal/files/unreadable.ts',
    find: '      if (!isUnreadable(error)) throw error;\n      const first',
    replace: '      if (error instanceof Error) throw error;\n      const first',
    test: unit('test/wal/files/unreadable.test.ts'),
  },
  {
    name: 'follow-without-promise',
    what: 'a follower writes and acks for an epoch that it has not promised',
    file: 'src/follower/follower.ts',
    find: 'if (!(await this.#host.promiseToFollow(answer.epoch)) || !this.#current(answer.epoch)) {',
    replace: 'if (!this.#current(answer.epoch)) {',
    test: unit('test/follower/follower.test.ts'),
  },
  {
    name: 'hello-counts',
    what: 'the position in a hello counts as an ack',
    file: 'src/leader/session.ts',
    find: '    this.#cursor = from;\n',
    replace: '    this.#cursor = from;\n    this.#durable = from;\n',
    test: unit('test/leader/session.test.ts'),
  },
  {
    name: 'stale-session-counts',
    what: 'what a node acknowledged in an earlier session counts in the next one',
    file: 'src/leader/session.ts',
    find: 'return this.#durable?.lsn ?? 0;',
    replace: `const known = this.#options.log as unknown as Record<string, number>;
    const lsn = Math.max(known[this.nodeId] ?? 0, this.#durable?.lsn ?? 0);
    known[this.nodeId] = lsn;
    return lsn;`,
    test: unit('test/leader/session.test.ts'),
  },
  {
    name: 'other-chain-counts',
    what: 'an ack counts whose chain is not the leader’s',
    file: 'src/leader/session.ts',
    find: 'if (ours.chain !== ack.chain) {',
    replace: 'if (ours.chain !== ack.chain && ours.lsn < 0) {',
    test: unit('test/leader/session.test.ts'),
  },
  {
    name: 'apply-above-committed',
    what: 'records are applied that are not committed',
    file: 'src/node/replica/replica.ts',
    find: 'return Math.min(this.log.durable.lsn, this.#committedLsn, this.#matchedLsn);',
    replace: 'return Math.min(this.log.durable.lsn, this.#matchedLsn);',
    test: { seeds: 40, from: 1 },
  },
  {
    name: 'apply-unverified-tail',
    what: 'a tail that this leader does not have is applied before it is cut',
    file: 'src/node/replica/replica.ts',
    find: 'return Math.min(this.log.durable.lsn, this.#committedLsn, this.#matchedLsn);',
    replace: 'return Math.min(this.log.durable.lsn, this.#committedLsn);',
    also: [
      {
        file: 'src/follower/follower.ts',
        find: 'if (this.#followed) this.#host.learnCommitted(this.#commitLsn);',
        replace: 'this.#host.learnCommitted(this.#commitLsn);',
      },
    ],
    test: unit('test/follower/follower.test.ts'),
  },
  {
    name: 'full-copy-saves-all',
    what: 'a full copy moves all of the old log to saved/, as if the snapshot held nothing of it',
    file: 'src/wal/format/superseded.ts',
    find: 'return lsn < snapshot.startLsn ? lsn : 0;',
    replace: 'return lsn < snapshot.startLsn ? 0 : 0;',
    test: unit('test/wal/log-purge.test.ts'),
  },
  {
    name: 'full-copy-forgets-a-tail',
    what: 'a full copy removes what is not known to be committed without saving it',
    file: 'src/wal/format/superseded.ts',
    find: 'const lsn = Math.min(committedLsn, lastLsn);',
    replace: 'const lsn = Math.max(committedLsn, lastLsn);',
    test: unit('test/wal/log-purge.test.ts'),
  },
  {
    name: 'full-copy-forgets-a-history',
    what: 'a full copy of another history removes what was committed in this one without saving it',
    file: 'src/wal/format/superseded.ts',
    find: 'if (historyId === undefined || historyId !== snapshot.historyId) return 0;',
    replace: '',
    test: unit('test/wal/log-purge.test.ts'),
  },
  {
    name: 'copy-without-room',
    what: 'a full copy is asked for where saved/ has no room for what it replaces',
    file: 'src/node/replica/incoming.ts',
    find: 'await guard(askForRoom(replica, answer));',
    replace: 'void askForRoom;',
    test: ['--project', 'sim', 'test/sim/saved.test.ts', '-t', 'waits for room'],
  },
  {
    name: 'write-under-way-is-damage',
    what: 'the tools take a write that a running node has begun for damage',
    file: 'src/wal/tools/moving-end.ts',
    find: 'if (await goesOn(disk, stop)) return true;',
    replace: 'await goesOn(disk, stop);',
    test: unit('test/wal/tools/tools.test.ts'),
  },
  {
    name: 'meta-made-for-many',
    what: 'a lost meta.json is made anew though there are other voters, to whom something may have been promised',
    file: 'src/wal/files/lost-meta.ts',
    find: 'return others.length === 0 ? first : undefined;',
    replace: 'return others.length < 9 ? first : undefined;',
    test: unit('test/cli/start-refusals.test.ts'),
  },
  {
    name: 'leftovers-stay',
    what: 'temporary files of an earlier life are not removed at a start',
    file: 'src/node/replica/replica.ts',
    find: 'await removeTemporary(disk, dir);',
    replace: '',
    test: unit('test/node/replica/snapshotter.test.ts'),
  },
  {
    name: 'cancelled-snapshot-comes-back',
    what: 'a cancelled snapshot is removed without a directory fsync',
    file: 'src/wal/snapshot/snapshot-writer.ts',
    find: `      await disk.remove(path);
      await disk.syncDir(directory);`,
    replace: '      await disk.remove(path);',
    test: unit('test/wal/snapshot/snapshot-writer.test.ts'),
  },
  {
    name: 'partial-snapshot-stays',
    what: 'what came of a snapshot is kept though nobody offers it',
    file: 'src/node/replica/partial-snapshot.ts',
    find: 'if (this.#options.clock.nowMs() - sinceMs >= PARTIAL_SNAPSHOT_MS) this.superseded();',
    replace: 'void sinceMs;',
    test: unit('test/node/replica/partial-snapshot.test.ts'),
  },
  {
    name: 'no-record-crc',
    what: 'the CRC of a record is not looked at',
    file: 'src/wal/format/record.ts',
    find: 'if (actual !== stored) return',
    replace: 'if (actual !== stored && keyBytes < 0) return',
    test: unit('test/wal/format/record.test.ts'),
  },
  {
    name: 'no-seal-chain',
    what: 'the chain of a seal is not looked at',
    file: 'src/wal/format/scan.ts',
    find: 'if (seal.chain !== chain) return',
    replace: 'if (seal.chain !== chain && lsn < 0) return',
    test: unit('test/wal/format/scan.test.ts'),
  },
  {
    name: 'no-directory-fsync',
    what: 'the name of a new segment is not made durable',
    file: 'src/wal/format/segment.ts',
    find: '  await disk.syncDir(dir);\n',
    replace: '',
    test: unit('test/wal/crash.test.ts'),
  },
  {
    name: 'write-shares-a-block',
    what: 'a write begins right behind the one before, in the block that holds its end',
    file: 'src/wal/format/write-header.ts',
    find: 'return Math.ceil(offset / BLOCK_BYTES) * BLOCK_BYTES;',
    replace: 'return Math.max(offset, BLOCK_BYTES);',
    test: unit('test/wal/recovery/write-proof.test.ts'),
  },
  {
    name: 'any-hole-is-a-torn-write',
    what: 'a block that was never written makes a torn write of what stands before it, wherever it lies',
    file: 'src/wal/format/evidence.ts',
    find: 'const blocksEnd = write === undefined ? start + BLOCK_BYTES : write.end;',
    replace: 'const blocksEnd = write === undefined ? start + BLOCK_BYTES : Infinity;',
    test: unit('test/wal/recovery/write-proof.test.ts'),
  },
  {
    name: 'fill-of-a-client-is-a-hole',
    what: 'a block of fill counts as one that was never written, although a client stored it',
    file: 'src/wal/format/evidence.ts',
    find: ': this.#fillBlocks > write.fillBlocks;',
    replace: ': this.#fillBlocks > 0;',
    test: unit('test/wal/recovery/write-proof.test.ts'),
  },
  {
    name: 'later-write-proves-nothing',
    what: 'a torn write may have another one behind it',
    file: 'src/wal/recovery/recovery.ts',
    find: "if (tail === undefined || tail.laterWrite !== undefined) return 'damage';",
    replace: "if (tail === undefined) return 'damage';",
    test: unit('test/wal/recovery/recovery.test.ts'),
  },
  {
    name: 'old-write-proves-something',
    what: 'a copy of the segment, stored as a value, passes for a later write',
    file: 'src/wal/format/evidence.ts',
    find: 'if (number <= (this.#lastWrite?.number ?? last)) return;',
    replace: '',
    test: unit('test/wal/recovery/write-proof.test.ts'),
  },
  {
    name: 'salt-stays',
    what: 'a segment that is written anew keeps its salt',
    file: 'src/wal/format/segment-copy.ts',
    find: 'const header = { ...decoded.header, salt };',
    replace: 'const { header } = decoded;',
    also: [
      {
        file: 'src/wal/format/segment-copy.ts',
        find: 'encodeWriteHeader(window, next - offset, { salt, number, bytes, firstLsn, fillBlocks });',
        replace: `void salt;
      const kept = { salt: header.salt, number, bytes, firstLsn, fillBlocks };
      encodeWriteHeader(window, next - offset, kept);`,
      },
    ],
    test: unit('test/wal/recovery/recovery.test.ts'),
  },
  {
    name: 'mended-segment-is-read-by-the-old-map',
    what: 'places in a segment that was fetched anew are read as they were before',
    file: 'src/wal/sealed-segments.ts',
    find: '      durable.map.rewritten(segment.path, header, usedBytes);\n',
    replace: '',
    test: unit('test/wal/scrub.test.ts'),
  },
  {
    name: 'early-trim',
    what: 'a segment is trimmed before the name of its successor is durable',
    file: 'src/wal/write/segment-writer.ts',
    find: '    try {\n      return await nameSegment(disk, walDir, { prefilled, header });\n',
    replace: `    if (this.#current.header.baseLsn !== header.baseLsn) {
      await this.#current.file.truncate(this.#offset);
      await this.#current.file.sync();
    }
    try {
      return await nameSegment(disk, walDir, { prefilled, header });
`,
    test: unit('test/wal/crash.test.ts'),
  },
  {
    name: 'purge-without-a-descriptor',
    what: 'a purge that finds no descriptor ends the log',
    file: 'src/wal/sealed-segments.ts',
    find: "        if (!isWalshipError(error, 'NO_DESCRIPTORS')) throw fail(error);\n",
    replace: '        throw fail(error);\n',
    test: unit('test/wal/log-purge.test.ts'),
  },
  {
    name: 'purge-under-a-pending-name',
    what: 'a purge takes the predecessor of a segment whose name is not durable',
    file: 'src/wal/sealed-segments.ts',
    find: '    if (writer?.isNamePending === true) return Promise.resolve();\n',
    replace: '',
    test: unit('test/wal/log-purge.test.ts'),
  },
  {
    name: 'taken-while-a-write-waits',
    what: 'new records are taken while a rotation waits for a descriptor, and wait with it',
    file: 'src/wal/write/segment-writer.ts',
    find: '        this.#waitsFor = error;\n',
    replace: '',
    test: unit('test/wal/full-disk.test.ts'),
  },
  {
    name: 'no-descriptor-for-the-directory',
    what: 'a node that has no descriptor while it rotates takes its disk for a failed one',
    file: 'src/wal/write/segment-writer.ts',
    find: "  isWalshipError(error, 'NO_DESCRIPTORS');",
    replace: "  isWalshipError(error, 'DISK_FULL');",
    test: unit('test/wal/full-disk.test.ts'),
  },
  {
    name: 'segment-refused-is-final',
    what: 'a node whose disk has no room for the header or the name of the next segment takes it for a failed one',
    file: 'src/wal/write/segment-writer.ts',
    find: 'if (isUnwritable(error)) await this.#spare.discard(prefilled, error);\n      throw error;',
    replace: "throw isUnwritable(error) ? new WalshipError('DISK_FAILED', error.message) : error;",
    test: unit('test/wal/full-disk.test.ts'),
  },
  {
    name: 'quota-taken-for-a-failure',
    what: 'a quota that is used up, for which Node has no name, is taken for a failed disk',
    file: 'src/ports/node-disk-error.ts',
    find: 'if (cause.errno !== -constants.errno.EDQUOT)',
    replace: 'if (cause.errno !== constants.errno.EDQUOT)',
    test: unit('test/ports/node-disk.test.ts'),
  },
  {
    name: 'blank-counts',
    what: 'a blank or suspect voter counts at once',
    file: 'src/leader/session.ts',
    find: "return !this.#closed && this.voter && this.#state === 'intact' && this.#confirmed;",
    replace: 'return !this.#closed && this.voter && this.#confirmed;',
    test: traces('A1'),
  },
  {
    name: 'commit-older-epoch',
    what: 'a record of an older epoch commits without an EPOCH record of this one',
    file: 'src/leader/commit-rule.ts',
    find: 'return onQuorum >= ownEpochLsn ? Math.max(committed, onQuorum) : committed;',
    replace: 'return Math.max(committed, onQuorum);',
    test: unit('test/leader/commit-rule.test.ts'),
  },
  {
    name: 'first-commit-without-all',
    what: 'the first commit of a history does not wait for all voters',
    file: 'src/leader/commit-rule.ts',
    find: 'if (!knowsCommit && ',
    replace: 'if (!knowsCommit && quorum < 0 && ',
    test: unit('test/leader/commit-rule.test.ts'),
  },
  {
    name: 'born-without-all',
    what: 'a cluster is born with a quorum of its voters',
    file: 'src/node/rules/may-lead.ts',
    find: 'if (born && all) return',
    replace: 'if (born && granted.length >= quorum) return',
    test: unit('test/node/rules/may-lead.test.ts'),
  },
  {
    name: 'blank-vouches',
    what: 'a blank voter vouches for a candidate',
    file: 'src/node/rules/may-lead.ts',
    find: "if (state === 'blank') return neverCounted(answer, candidate);",
    replace: "if (state === 'blank') return true;",
    test: unit('test/node/rules/may-lead.test.ts'),
  },
  {
    name: 'birth-forgotten',
    what: 'a voter that never counted does not vouch',
    file: 'src/node/rules/may-lead.ts',
    find: "if (state === 'blank') return neverCounted(answer, candidate);",
    replace: "if (state === 'blank') return false;",
    test: ['--project', 'sim', 'test/sim/birth.test.ts'],
  },
  {
    name: 'birth-from-the-promise',
    what: 'a birth is remembered only as long as no later promise is made',
    file: 'src/wal/files/meta.ts',
    find: "patched.state === 'blank' ? patched : { ...patched, birth: null }",
    replace:
      "patched.state === 'blank' && patch.promise === undefined ? patched : { ...patched, birth: null }",
    test: ['--project', 'sim', 'test/sim/birth.test.ts'],
  },
  {
    name: 'lost-data-unnoticed',
    what: 'a candidate does not mind that others have more of an epoch that it led',
    file: 'src/node/rules/may-lead.ts',
    find: 'if (proof !== undefined) return lostData(proof, candidate);',
    replace: '',
    test: traces('D3'),
  },
  {
    name: 'asked-once',
    what: 'the confirm round is skipped',
    file: 'src/node/election/attempt.ts',
    find: 'const confirmed = await round(options, ask, again);',
    replace: 'const confirmed = real;',
    test: unit('test/node/election/attempt.test.ts'),
  },
  {
    name: 'no-overlay',
    what: 'conditions are judged without the writes that are on their way',
    file: 'src/node/requests/write-path.ts',
    find: 'const lsn = this.#overlay.lsnOf(key) ?? replica.store.lsnOf(key);',
    replace: 'const lsn = replica.store.lsnOf(key);',
    test: { seeds: 40, from: 1 },
  },
  {
    name: 'read-without-proof',
    what: 'a linearizable read does not ask whether the leader still leads',
    file: 'src/node/requests/read-path.ts',
    find: 'await leader.prove(deadline.leftMs);',
    replace: '',
    test: [
      '--project',
      'sim',
      'test/sim/traces.test.ts',
      '-t',
      'a deposed leader that does not know it',
    ],
  },
  {
    name: 'A2-compare-before-fence',
    what: 'a voter compares positions before it fences, and the confirm round, which would show it, is skipped',
    file: 'src/node/election/voter.ts',
    find: `    replica.raiseFence(ask.epoch);
    await replica.log.drained();
`,
    replace: `    const early = this.#reply(ask, this.#judge(ask, replica.fence));
    if (!again && early.granted) {
      const { epoch, candidate, attempt } = ask;
      await replica.promise({ epoch, candidate, attempt });
      replica.raiseFence(epoch);
      await replica.log.drained();
      return early;
    }
    replica.raiseFence(ask.epoch);
    await replica.log.drained();
`,
    also: [
      {
        file: 'src/node/election/attempt.ts',
        find: 'const confirmed = await round(options, ask, again);',
        replace: 'const confirmed = real;',
      },
    ],
    test: traces('A2'),
  },
  {
    name: 'A3-follow-without-promise',
    what: 'who follows promises nothing, a leader minds no later epoch in a hello, and nobody minds cutting what is committed',
    file: 'src/follower/follower.ts',
    find: 'if (!(await this.#host.promiseToFollow(answer.epoch)) || !this.#current(answer.epoch)) {',
    replace: 'if (!this.#current(answer.epoch)) {',
    also: [
      {
        file: 'src/leader/answer-hello.ts',
        find: 'if (theirs <= leader.epoch) return undefined;',
        replace: 'if (theirs <= leader.epoch || theirs > 0) return undefined;',
      },
      {
        file: 'src/leader/answer-hello.ts',
        find: 'if (committed > lsn && !hello.discard) {',
        replace: 'if (committed > lsn && lsn < 0) {',
      },
      {
        file: 'src/follower/cut-tail.ts',
        find: 'if (at.lsn < committedLsn && !host.discarding) {',
        replace: 'if (at.lsn < 0) {',
      },
    ],
    test: traces('A3'),
  },
  {
    name: 'A5-other-configuration',
    what: 'a candidate or follower with other voters or another quorum is not refused',
    file: 'src/node/rules/judge-ask.ts',
    find: 'if (ask.configHash !== voter.configHash) {',
    replace: "if (ask.configHash === '') {",
    test: traces('A5'),
  },
  {
    name: 'A6-stale-session-counts',
    what: 'what a node acknowledged in an earlier session counts, and a blank node counts',
    file: 'src/leader/session.ts',
    find: 'return this.#durable?.lsn ?? 0;',
    replace: `const known = this.#options.log as unknown as Record<string, number>;
    const lsn = Math.max(known[this.nodeId] ?? 0, this.#durable?.lsn ?? 0);
    known[this.nodeId] = lsn;
    return lsn;`,
    also: [
      {
        file: 'src/leader/session.ts',
        find: "return !this.#closed && this.voter && this.#state === 'intact' && this.#confirmed;",
        replace: 'return !this.#closed && this.voter && this.#confirmed;',
      },
    ],
    test: traces('A6'),
  },
  {
    name: 'A8-suspect-forgotten',
    what: 'a node that cut damaged records off does not write down that it is suspect',
    file: 'src/wal/recovery/meta-patch.ts',
    find: "    patch.state = 'suspect';\n",
    replace: '',
    test: traces('A8'),
  },
  {
    name: 'B1-lsn-without-epoch',
    what: 'a version that a failover replaced is taken for the write at its LSN',
    file: 'src/node/requests/versions.ts',
    find: 'version.lsn <= committedLsn ? holder.epoch !== version.epoch : holder.epoch > version.epoch;',
    replace: 'version.lsn < 0;',
    test: traces('B1'),
  },
  {
    name: 'B2-condition-without-proof',
    what: 'a failed condition is answered without a proof of leadership, before what it was judged by is committed',
    file: 'src/node/requests/write-path.ts',
    find: `      await Promise.all([
        this.#committedAt(replica.log.last.lsn, timeoutMs),
        leader.prove(timeoutMs),
      ]);
`,
    replace:
      '      if (timeoutMs < 0) await Promise.all([this.#committedAt(replica.log.last.lsn, timeoutMs), leader.prove(timeoutMs)]);\n',
    test: traces('B2'),
  },
  {
    name: 'B4-apply-unverified-tail',
    what: 'a divergent tail is applied as far as others have committed',
    file: 'src/node/replica/replica.ts',
    find: 'return Math.min(this.log.durable.lsn, this.#committedLsn, this.#matchedLsn);',
    replace: 'return Math.min(this.log.durable.lsn, this.#committedLsn);',
    also: [
      {
        file: 'src/follower/follower.ts',
        find: 'if (this.#followed) this.#host.learnCommitted(this.#commitLsn);',
        replace: 'this.#host.learnCommitted(this.#commitLsn);',
      },
    ],
    test: traces('B4'),
  },
  {
    name: 'B5-no-proof-after-a-pause',
    what: 'a linearizable read is answered without a proof of leadership',
    file: 'src/node/requests/read-path.ts',
    find: 'await leader.prove(deadline.leftMs);',
    replace: '',
    test: traces('B5'),
  },
  {
    name: 'F1-asked-once',
    what: 'the confirm round is skipped, in a cluster',
    file: 'src/node/election/attempt.ts',
    find: 'const confirmed = await round(options, ask, again);',
    replace: 'const confirmed = real;',
    test: traces('F1'),
  },
  {
    name: 'F2-blank-for-ever',
    what: 'a blank voter becomes intact by probes alone',
    file: 'src/leader/leader.ts',
    find: '      allConfirmed &&\n      promise.epoch === epoch &&',
    replace: '      !allConfirmed &&\n      promise.epoch === epoch &&',
    test: traces('F2'),
  },
  {
    name: 'F6-next-epoch',
    what: 'the next epoch is not far above where a voter is blank',
    file: 'src/node/election/attempt.ts',
    find: 'someoneForgot ? BLANK_EPOCH_GAP : 0',
    replace: 'someoneForgot ? 0 : 0',
    test: traces('F6'),
  },
  {
    name: 'duplicate-candidate',
    what: 'a voter does not look who answers at the address of a candidate',
    file: 'src/node/election/doubtful-candidate.ts',
    find: "if (round === 'real' && peer !== undefined) {",
    replace: "if (round === 'real' && peer !== undefined && question.epoch < 0) {",
    test: ['--project', 'sim', 'test/sim/duplicates.test.ts'],
  },
  {
    name: 'own-stall-is-silence',
    what: 'a follower takes its own pause for the silence of its leader',
    file: 'src/follower/follower.ts',
    find: 'if (this.#silence.ms > this.#silenceMs) {',
    replace: 'if (this.#host.clock.nowMs() - this.#heardMs > this.#silenceMs) {',
    test: ['--project', 'sim', 'test/sim/auto-failover.test.ts', '-t', 'take that'],
  },
  {
    name: 'trigger-starves-search',
    what: 'the trigger ends the search for a leader before each attempt to lead',
    file: 'src/node/role/role-driver.ts',
    find: 'if (!apt || this.#looksFirst || this.#rejoin',
    replace: 'if (!apt || this.#rejoin',
    test: ['--project', 'sim', 'test/sim/auto-failover.test.ts', '-t', 'far from a leader'],
  },
  {
    name: 'live-leader-disturbed',
    what: 'a voter that heard from a leader lately lets another one stand',
    file: 'src/node/rules/judge-ask.ts',
    find: 'if (heardLeaderRecently && leaderId !== ask.candidate) {',
    replace: 'if (heardLeaderRecently && leaderId === ask.candidate) {',
    test: ['--project', 'sim', 'test/sim/auto-failover.test.ts', '-t', 'is not disturbed'],
  },
  {
    name: 'switchover-before-commit',
    what: 'the lead is handed over before what has an LSN is committed',
    file: 'src/node/orders/switchover.ts',
    find: 'durable?.lsn !== this.#lastLsn || replica.committedLsn < this.#lastLsn',
    replace: 'durable?.lsn !== this.#lastLsn',
    test: ['--project', 'sim', 'test/sim/switchover.test.ts', '-t', 'has an LSN'],
  },
  {
    name: 'resend-unguarded',
    what: 'the client library sends again what may have been written, whatever its conditions',
    file: 'src/client/retry.ts',
    find: 'return guarded ? again(attempt) : giveUp;',
    replace: 'return again(attempt);',
    test: clients,
  },
  {
    name: 'earlier-attempt-forgotten',
    what: 'a failed condition is called rejected although an earlier attempt may be the reason',
    file: 'src/client/retry.ts',
    find: 'unsure && mayBeOurs(attempt)',
    replace: 'false',
    test: clients,
  },
  {
    name: 'sent-is-rejected',
    what: 'a write whose connection broke is called rejected',
    file: 'src/client/failures.ts',
    find: "{ outcome: sent ? 'indeterminate' : 'rejected' }",
    replace: "{ outcome: 'rejected' as const }",
    test: clients,
  },
  {
    name: 'seen-not-sent',
    what: 'reads do not carry what the client has seen',
    file: 'src/client/seen.ts',
    find: 'return newest(newest(this.#committed, this.#local), asked);',
    replace: 'return asked;',
    test: clients,
  },
  {
    name: 'watch-repeats',
    what: 'a watch resumes where it was last told to, not behind what it showed',
    file: 'src/client/watch.ts',
    find: '        after = event.version;\n',
    replace: "        if (event.kind === 'progress') after = event.version;\n",
    test: clients,
  },
  {
    name: 'replaced-by-uncommitted',
    what: 'a version is called replaced by a leadership that has committed nothing',
    file: 'src/node/requests/read-path.ts',
    find: "judgeForGood(epochs, version, this.#reached('committed'))",
    replace: 'judgeForGood(epochs, version, Number.MAX_SAFE_INTEGER)',
    test: unit('test/node/requests/versions.test.ts'),
  },
  {
    name: 'cut-batches-in-memory',
    what: 'batches that were cut are still handed out from memory',
    file: 'src/wal/read/durable-log.ts',
    find: `    this.#recent.truncate(end.position.lsn);
`,
    replace: '',
    test: unit('test/wal/log.test.ts', '-t', 'handed out any more'),
  },
  {
    name: 'cut-bytes-read-again',
    what: 'what was read from the files before a cut is handed out while they are being cut',
    file: 'src/wal/read/durable-log.ts',
    find: `    this.#map.truncate(end);
    this.#reader.invalidate();
`,
    replace: `    this.#map.truncate(end);
`,
    test: unit('test/wal/log.test.ts', '-t', 'read ahead'),
  },
  {
    name: 'proof-of-what-was-known-before',
    what: 'a linearizable read of a new leader waits only for what was committed before its proof',
    file: 'src/node/requests/read-path.ts',
    find: 'const lsn = before >= leader.ownEpochLsn ? before : replica.committedLsn;',
    replace: 'const lsn = before;',
    test: unit('test/node/requests/read-path.test.ts'),
  },
  {
    name: 'committed-is-cut',
    what: 'a follower cuts what it knows to be committed',
    file: 'src/follower/cut-tail.ts',
    find: 'if (at.lsn < committedLsn && !host.discarding) {',
    replace: 'if (at.lsn < 0 && committedLsn > 0 && !host.discarding) {',
    test: unit('test/follower/follower.test.ts'),
  },
  {
    name: 'intact-before-durable',
    what: 'a node becomes intact that is not durable where its leader says',
    file: 'src/follower/become-intact.ts',
    find: ' || ours.lsn > log.durable.lsn) {',
    replace: ') {',
    test: unit('test/follower/become-intact.test.ts'),
  },
  {
    name: 'segments-removed-together',
    what: 'a cut removes segments without a directory fsync between them',
    file: 'src/wal/truncate.ts',
    find: `      await disk.remove(\`\${walDir}/\${segmentName(base)}\`);
      await disk.syncDir(walDir);
`,
    replace: `      await disk.remove(\`\${walDir}/\${segmentName(base)}\`);
`,
    test: unit('test/wal/recovery/restart-log.test.ts'),
  },
  {
    name: 'loaded-snapshot-not-durable',
    what: 'the name of the snapshot that a state is loaded from is not made durable',
    file: 'src/node/replica/load-state.ts',
    find: `    await disk.syncDir(snapshotDirOf(dir));
`,
    replace: '',
    test: unit('test/wal/recovery/restart-log.test.ts'),
  },
  {
    name: 'cut-leaves-epochs',
    what: 'a cut leaves the leaderships behind it in the history',
    file: 'src/wal/log-history.ts',
    find: `    this.#spans = this.#spans.filter((span) => span.firstLsn <= lsn);
`,
    replace: '',
    test: unit('test/wal/log-history.test.ts'),
  },
  {
    name: 'cut-leaves-commit',
    what: 'a cut leaves what was known to be committed behind it',
    file: 'src/wal/log-history.ts',
    find: `    this.#knownCommitLsn = Math.min(this.#knownCommitLsn, lsn);
`,
    replace: '',
    test: unit('test/wal/log-history.test.ts'),
  },
  {
    name: 'promise-over-a-later-one',
    what: 'a voter that entered a history promises without another look at its fence',
    file: 'src/node/election/voter.ts',
    find: `    if (replica.fence !== ask.epoch) return this.#reply(ask, overtakenBy(replica.fence));
`,
    replace: '',
    test: unit('test/node/election/voter.test.ts'),
  },
  {
    name: 'half-built-state-read',
    what: 'a state that is being built anew is read',
    file: 'src/node/requests/read-path.ts',
    find: `    if (!rebuilding) return;
`,
    replace: `    if (!rebuilding || appliedLsn >= 0) return;
`,
    test: unit('test/node/requests/read-path.test.ts'),
  },
  {
    name: 'arrived-snapshot-not-durable',
    what: 'the log is put aside for a snapshot whose name is not durable',
    file: 'src/wal/snapshot/snapshot-incoming.ts',
    find: `    await disk.syncDir(snapshotDirOf(dir));
`,
    replace: '',
    test: unit('test/wal/recovery/restart-log.test.ts'),
  },
  {
    name: 'mended-by-an-older-probe',
    what: 'a suspect voter is intact by an answer to a probe that was sent before its hello',
    file: 'src/leader/leader.ts',
    find: 'const probe = granted ? undefined : this.#probeNumber + 1;',
    replace: 'const probe = granted ? undefined : this.#probeNumber;',
    test: unit('test/leader/proof.test.ts'),
  },
  {
    name: 'proof-by-an-older-probe',
    what: 'a leadership is proven by an answer to a probe that was sent before',
    file: 'src/leader/leader.ts',
    find: 'mark: this.#probeNumber + 1,',
    replace: 'mark: this.#probeNumber,',
    test: unit('test/leader/proof.test.ts'),
  },
  {
    name: 'uncommitted-replayed',
    what: 'records are replayed at a start that no seal calls committed',
    file: 'src/node/replica/replay.ts',
    find: 'if (this.#held.length === 0 && last.lsn <= this.#committedLsn) {',
    replace: 'if (this.#held.length === 0) {',
    test: unit('test/node/replica/replay.test.ts'),
  },
  {
    name: 'older-snapshots-stay',
    what: 'other snapshots stay beside a log that begins behind one',
    file: 'src/wal/recovery/restart-log.ts',
    find: `  await keepSnapshots(disk, dir, [\`\${snapshotDirOf(dir)}/\${snapshotName(base.start.lsn)}\`]);
`,
    replace: '',
    test: unit('test/wal/recovery/restart-log.test.ts'),
  },
  {
    name: 'unready-node-read',
    what: 'the client reads from a node that says that it is not ready, though another one is',
    file: 'src/client/caller.ts',
    find: 'if (!call.leads && !connection.hello.ready && route.otherMayBeReady(address)) {',
    replace: 'if (!call.leads && connection.hello.ready === undefined) {',
    test: unit('test/client/client.test.ts'),
  },
  {
    name: 'older-snapshot-in-its-place',
    what: 'where the snapshot that was taking the place of the log is damaged, the next start goes on from an older one',
    file: 'src/wal/recovery/recover.ts',
    find: 'const goesOn = replacedBy === null || replacedBy === base?.start.lsn;',
    replace: 'const goesOn = true;',
    test: unit('test/wal/recovery/restart-log.test.ts', 'test/wal/recovery/recover-snapshot.test.ts'),
  },
  {
    name: 'meta-before-disk',
    what: 'what meta.json is to say is believed before it is durable',
    file: 'src/wal/files/meta.ts',
    find: `      await this.#write(changed);
      this.#current = changed;
`,
    replace: `      this.#current = changed;
      await this.#write(changed);
`,
    test: unit('test/wal/files/meta.test.ts'),
  },
  {
    name: 'sent-snapshot-removed',
    what: 'a snapshot is removed while it is being sent',
    file: 'src/node/replica/snapshotter.ts',
    find: '[...kept, ...(holds()?.paths ?? [])]',
    replace: '[...kept]',
    test: unit('test/node/replica/snapshotter.test.ts'),
  },
  {
    name: 'hold-ends-with-its-snapshot',
    what: 'the log behind a snapshot is not held for the node that has just got it',
    file: 'src/leader/holds.ts',
    find: 'if (lsn >= given.endLsn) this.#given.delete(nodeId);',
    replace: 'if (lsn >= given.startLsn) this.#given.delete(nodeId);',
    test: unit('test/leader/holds.test.ts'),
  },
  {
    name: 'any-attempt-confirmed',
    what: 'a voter confirms the promise that it made to another attempt',
    file: 'src/node/rules/judge-ask.ts',
    find: `    promise.candidate === ask.candidate &&
    promise.attempt === ask.attempt
`,
    replace: `    promise.candidate === ask.candidate
`,
    test: unit('test/node/rules/judge-ask.test.ts'),
  },
  {
    name: 'intact-unasked',
    what: 'a voter counts as intact because it says so, unasked',
    file: 'src/leader/session.ts',
    find: `if (this.#intactOffered) this.#state = 'intact';`,
    replace: `this.#state = 'intact';`,
    test: unit('test/leader/session.test.ts'),
  },
  {
    name: 'snapshot-read-before-its-end',
    what: 'a state that was loaded anew is read before it has got to the end of its snapshot',
    file: 'src/node/replica/state-loader.ts',
    find: 'Math.max(snapshot?.endLsn ?? 0, Math.min(toLsn, shownLsn))',
    replace: 'Math.min(toLsn, shownLsn)',
    test: unit('test/node/replica/snapshotter.test.ts'),
  },
  {
    name: 'waited-for-another-write',
    what: 'whoever waits for a version is told so when another write is at its LSN',
    file: 'src/node/requests/read-path.ts',
    find: `    if (this.#holds(version)) return;
`,
    replace: `    if (this.#holds(version) || version.lsn > 0) return;
`,
    test: unit('test/node/requests/versions.test.ts', 'test/node/requests/read-path.test.ts'),
  },
  {
    name: 'overlay-gone-before-applied',
    what: 'pending writes are dropped when they are committed, before they are applied',
    file: 'src/node/requests/write-path.ts',
    find: `    this.#uncommitted.reached(committedLsn);
`,
    replace: `    this.#uncommitted.reached(committedLsn);
    this.#overlay.appliedUpTo(committedLsn);
`,
    test: unit('test/node/requests/write-path.test.ts'),
  },
  {
    name: 'replaced-batches-in-memory',
    what: 'batches of a log that a snapshot replaced are still handed out from memory',
    file: 'src/wal/read/durable-log.ts',
    find: `    this.#recent.clear();
`,
    replace: '',
    test: unit('test/wal/log.test.ts', 'test/wal/log-purge.test.ts'),
  },
  {
    name: 'grant-before-drain-by-seed',
    what: 'a voter grants while a batch is on its way to its disk, and fences only when that is there and acknowledged',
    file: 'src/node/election/voter.ts',
    find: `    replica.raiseFence(ask.epoch);
    await replica.log.drained();
`,
    replace: `    const early = this.#judge(ask, replica.fence);
    if (!again && early.verdict === 'grant') {
      const { epoch, candidate, attempt } = ask;
      void replica.log.drained().then(() => this.#options.clock.soon(() => replica.raiseFence(epoch)));
      await replica.promise({ epoch, candidate, attempt });
      return this.#reply(ask, early);
    }
    replica.raiseFence(ask.epoch);
    await replica.log.drained();
`,
    test: { seeds: 2_000, from: 1 },
  },
  {
    name: 'follow-without-promise-by-seed',
    what: 'a follower writes and acks for an epoch that it has not promised',
    file: 'src/follower/follower.ts',
    find: 'if (!(await this.#host.promiseToFollow(answer.epoch)) || !this.#current(answer.epoch)) {',
    replace: 'if (!this.#current(answer.epoch)) {',
    test: { seeds: 2_000, from: 1 },
  },
  {
    name: 'blank-counts-by-seed',
    what: 'a blank voter counts at once',
    file: 'src/leader/session.ts',
    find: "return !this.#closed && this.voter && this.#state === 'intact' && this.#confirmed;",
    replace: "return !this.#closed && this.voter && this.#state !== 'suspect' && this.#confirmed;",
    test: { seeds: 2_000, from: 1 },
  },
  {
    name: 'suspect-counts-by-seed',
    what: 'a suspect voter counts at once',
    file: 'src/leader/session.ts',
    find: "return !this.#closed && this.voter && this.#state === 'intact' && this.#confirmed;",
    replace: "return !this.#closed && this.voter && this.#state !== 'blank' && this.#confirmed;",
    test: { seeds: 2_000, from: 1 },
  },
  {
    name: 'commit-older-epoch-by-seed',
    what: 'a record of an older epoch commits without an EPOCH record of this one',
    file: 'src/leader/commit-rule.ts',
    find: 'return onQuorum >= ownEpochLsn ? Math.max(committed, onQuorum) : committed;',
    replace: 'return Math.max(committed, onQuorum);',
    test: { seeds: 2_000, from: 1 },
  },
  {
    name: 'apply-unverified-tail-by-seed',
    what: 'a tail that this leader does not have is applied before it is cut',
    file: 'src/node/replica/replica.ts',
    find: 'return Math.min(this.log.durable.lsn, this.#committedLsn, this.#matchedLsn);',
    replace: 'return Math.min(this.log.durable.lsn, this.#committedLsn);',
    also: [
      {
        file: 'src/follower/follower.ts',
        find: 'if (this.#followed) this.#host.learnCommitted(this.#commitLsn);',
        replace: 'this.#host.learnCommitted(this.#commitLsn);',
      },
    ],
    test: { seeds: 2_000, from: 1 },
  },
  {
    name: 'proof-from-an-ack-by-seed',
    what: 'an ack that may have been under way already is taken for the answer to a probe',
    file: 'src/leader/session.ts',
    find: `        this.#acknowledged(message);
        return;
`,
    replace: `        this.#acknowledged(message);
        this.#probes.answer(this.#probes.asked);
        hooks.probed(this);
        return;
`,
    test: { seeds: 2_000, from: 1 },
  },
  {
    name: 'ready-before-applied-by-seed',
    what: 'a node is ready once the EPOCH record of its leadership is committed, applied or not',
    file: 'src/node/status/ready.ts',
    find: 'if (applied.epoch < epoch) {',
    replace: 'if (applied.epoch < 0) {',
    test: { seeds: 40, from: 1 },
  },
  {
    name: 'ready-before-caught-up-by-seed',
    what: 'a follower is ready before it has applied what was committed when it began to follow',
    file: 'src/node/status/ready.ts',
    find: 'if (applied.lsn < committedLsn) {',
    replace: 'if (applied.lsn < 0) {',
    test: { seeds: 40, from: 1 },
  },
  {
    name: 'read-without-proof-by-seed',
    what: 'a linearizable read does not ask whether the leader still leads',
    file: 'src/node/requests/read-path.ts',
    find: 'await leader.prove(deadline.leftMs);',
    replace: '',
    test: { seeds: 2_000, from: 1 },
  },
  {
    name: 'stale-session-counts-by-seed',
    what: 'a hello does not end the session before, and what was acknowledged there goes on counting beside the new one',
    file: 'src/leader/leader.ts',
    find: "this.#sessions.get(hello.nodeId)?.close('a newer session of the same node');",
    replace: `const earlier = this.#sessions.get(hello.nodeId);
    if (earlier !== undefined) this.#sessions.set(\`\${hello.nodeId} \${earlier.sinceMs}\`, earlier);`,
    test: { seeds: 2_000, from: 1 },
  },
  {
    name: 'proof-before-own-epoch-by-seed',
    what: 'a new leader answers linearizable reads before its own EPOCH record is committed',
    file: 'src/leader/leader.ts',
    find: 'if (hooks.committedLsn() >= ownEpochLsn) {',
    replace: 'if (ownEpochLsn > 0) {',
    test: { seeds: 2_000, from: 1 },
  },
  {
    name: 'gate-after-upgrade',
    what: 'WebSockets are opened for pages of any origin',
    file: 'src/server/server.ts',
    find: 'if (refusal !== undefined) return refuseBare(socket, refusal);',
    replace: '',
    test: unit('test/server/browser-gate.test.ts'),
  },
  {
    name: 'host-by-its-beginning',
    what: 'a host is known where it begins with a known name, so that localhost.evil.example is',
    file: 'src/server/browser-gate.ts',
    find: "if (name === 'localhost' ||",
    replace: "if (name.startsWith('localhost') ||",
    test: unit('test/server/browser-gate.test.ts'),
  },
  {
    name: 'origin-without-port',
    what: 'a page of another port of the same host may use a node',
    file: 'src/server/browser-gate.ts',
    find: 'return ours.name === theirs.name && (ours.port || defaultPort) === (theirs.port || defaultPort);',
    replace: 'return ours.name === theirs.name && defaultPort !== undefined;',
    test: unit('test/server/browser-gate.test.ts'),
  },
  {
    name: 'open-to-everybody',
    what: 'a node listens on any address without being told that anybody may use it',
    file: 'src/config/config.ts',
    find: 'values.anonymous === undefined && !isLoopback(values.listen)',
    replace: 'values.anonymous === undefined && values.listen.port < 0',
    test: unit('test/config/config.test.ts'),
  },
  {
    name: 'password-in-clear',
    what: 'a user and a password in an address are dropped, and the node is asked without them',
    file: 'src/client/node-address.ts',
    find: "if (username !== '' || password !== '' || trimmed.includes('@')) {",
    replace: "if (username === '' && password !== '') {",
    test: unit('test/client/node-address.test.ts'),
  },
  {
    name: 'tls-in-clear',
    what: 'an address that asks for TLS is spoken to without',
    file: 'src/client/node-address.ts',
    find: "new Set(['http:', 'ws:'])",
    replace: "new Set(['http:', 'ws:', 'https:', 'wss:'])",
    also: [
      {
        file: 'src/client/node-address.ts',
        find: "new Set(['https:', 'wss:'])",
        replace: 'new Set([])',
      },
    ],
    test: unit('test/client/node-address.test.ts'),
  },
  {
    name: 'no-second-try-to-open',
    what: 'a file that no descriptor is to be had for is not tried again',
    file: 'src/ports/node-disk.ts',
    find: "const PASSING: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM']);",
    replace: 'const PASSING: ReadonlySet<string> = new Set();',
    test: unit('test/ports/node-disk.test.ts'),
  },
  {
    name: 'lock-needs-room',
    what: 'a lock is not taken where its file has no room for the name of the holder',
    file: 'src/ports/node-lock.ts',
    find: "    if (!(error instanceof Error && 'code' in error)) throw error;",
    replace: '    throw error;',
    test: unit('test/ports/full-disk.test.ts'),
  },
  {
    name: 'unread-snapshot-stays-open',
    what: 'a snapshot that could not be read is not closed',
    file: 'src/leader/snapshot-sender.ts',
    find: '        this.#sending = false;\n        if (this.#closed)',
    replace: '        if (this.#closed)',
    test: unit('test/leader/snapshot-sender.test.ts'),
  },
  {
    name: 'why-on-the-healthy',
    what: 'a healthy follower has a reason in `why`',
    file: 'src/node/status/why.ts',
    find: 'unfit !== null && !HEALTHY_CODES.has(unfit.code) ? unfit : null',
    replace: 'unfit',
    test: unit('test/node/status/why.test.ts'),
  },
  {
    name: 'hint-against-message',
    what: 'who is told which node leads is advised as if nobody did',
    file: 'src/node/role/not-leader.ts',
    find: '...(leader === undefined ? {} : { hint: `ask ${leader.nodeId}, at ${leader.address}` }),',
    replace: '',
    test: unit('test/node/role/role-driver.test.ts'),
  },
  {
    name: 'birth-unsaid',
    what: 'a cluster that waits for its last voter to be born does not say so',
    file: 'src/node/status/ready.ts',
    find: "voter && voterCount > 1 && state === 'blank'",
    replace: "voter && voterCount > 1 && state === 'suspect'",
    test: unit('test/node/status/ready.test.ts'),
  },
  {
    name: 'birth-promised-away',
    what: 'a blank voter promises that fewer than all voters are enough',
    file: 'src/node/node.ts',
    find: "const blank = votes && meta.current.state === 'blank' && committedLsn === 0;",
    replace: 'const blank = false;',
    test: unit('test/node/cluster/cluster.test.ts'),
  },
  {
    name: 'unreachable-from-here',
    what: 'a node that only the other nodes reach is called unreachable',
    file: 'src/cli/status.ts',
    find: 'await askThroughOthers(direct, options.timeoutMs)',
    replace: 'await askThroughOthers(direct.slice(0, 0), options.timeoutMs).then(() => direct)',
    test: unit('test/cli/status.test.ts'),
  },
  {
    name: 'damage-kept-quiet-by-seed',
    what: 'a node that cut damaged records off does not write down that it is suspect, in a cluster',
    file: 'src/wal/recovery/meta-patch.ts',
    find: "    patch.state = 'suspect';\n",
    replace: '',
    test: { seeds: 2_000, from: 1 },
  },
  {
    name: 'note-behind-its-segment',
    what: 'the note of a saved segment is written once the segment has its name',
    file: 'src/wal/files/saved.ts',
    find: '    await writeWhole(disk, { dir, name: `${stem}.json`, bytes: text });\n',
    replace: '',
    also: [
      {
        file: 'src/wal/files/saved.ts',
        find: '    return entry;\n',
        replace: '    await writeWhole(disk, { dir, name: `${stem}.json`, bytes: text });\n    return entry;\n',
      },
    ],
    test: unit('test/wal/files/saved.test.ts'),
  },
  {
    name: 'cut-unsaved-by-seed',
    what: 'of a tail that is cut, what is in the first of its segments is not saved',
    file: 'src/wal/save-tail.ts',
    find: 'const pieces = map.piecesAfter(from);',
    replace: 'const pieces = map.piecesAfter(from).slice(1);',
    test: { seeds: 2_000, from: 1 },
  },
  {
    name: 'learner-for-voter',
    what: 'the metrics of a learner are those of a voter',
    file: 'src/server/metrics.ts',
    find: "kind: follower.voter ? 'voter' : 'learner'",
    replace: "kind: 'voter'",
    test: unit('test/server/resources.test.ts'),
  },
  {
    name: 'failures-uncounted',
    what: 'writes that fail over HTTP are not counted',
    file: 'src/server/server.ts',
    find: 'if (write) this.#shared.answers.failed(outcomeOf(error), error.code);',
    replace: '',
    test: unit('test/server/resources.test.ts'),
  },
];
