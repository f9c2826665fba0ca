/**
 * `npm run sim -- --seeds 1000 --from 1`: whole clusters under faults, one after the other, one per seed.
 * Ends with exit code 1 if any seed failed, and prints the command to run that one again.
 */
import { parseArgs } from 'node:util';
import { openSimNode } from './open-node.ts';
import { runSeed } from './sim-cluster.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
  },
});

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const from = Number(values.from);
const count = Number(values.seeds);
if (!Number.isSafeInteger(from) || !Number.isSafeInteger(count) || count < 1) {
  process.stderr.write('usage: npm run sim -- [--seeds <how many>] [--from <first>] [--trace]\n');
  process.exit(2);
}

// Thousands of writes are refused, and their stacks are never read.
Error.stackTraceLimit = values.trace ? 30 : 3;

const failed: number[] = [];
// An unhandled rejection ends the run under way: that run caused it.
let current = from;
process.on('unhandledRejection', (error) => {
  print(
    `seed ${current} FAILED: unhandled ${error instanceof Error ? error.stack : String(error)}`,
  );
  process.exit(1);
});

for (current = from; current < from + count; current += 1) {
  try {
    const { voters, quorum, failover, events, virtualMs, records, counts, trace } = await runSeed(
      current,
      openSimNode,
    );
    if (values.trace) print(trace.join('\n'));
    print(
      `seed ${current} ok: ${voters}/${quorum} ${failover}, ${(virtualMs / 1000).toFixed(1)} s, ${events} events, ${records} records, ` +
        `${counts.leaders} leaders, ${counts.acked} acknowledged, ${counts.rejected} rejected, ` +
        `${counts.indeterminate} indeterminate, ${counts.reads} reads`,
    );
  } catch (error) {
    failed.push(current);
    print(`seed ${current} FAILED: ${error instanceof Error ? error.message : String(error)}`);
    if (values.trace && error instanceof Error) {
      for (let at: unknown = error; at instanceof Error; at = at.cause) print(at.stack ?? '');
    }
  }
}

if (failed.length > 0) {
  print(`${failed.length} of ${count} seeds failed: ${failed.join(' ')}`);
  print(`run one again: npm run sim -- --seeds 1 --from ${failed[0]} --trace`);
  process.exitCode = 1;
} else {
  print(`${count} seeds from ${from}: no promise was broken`);
}
