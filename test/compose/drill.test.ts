/** Goal: a drill as a user runs it on the containers of compose.yml is green, and leaves nothing behind. */
import { describe, expect, test } from 'vitest';
import { findCompose } from '../../src/drill/target/docker.ts';
import { runCommand } from '../integration/cluster.ts';

const SEED = 20_261;
// In CI the absence of docker is a failure, never a reason to look away.
const isSkipped = findCompose() === undefined && process.env['CI'] !== 'true';

describe.skipIf(isSkipped)('walship drill --target compose', () => {
  test('leader-kill is green', async () => {
    const ended = await runCommand(
      'drill',
      'leader-kill',
      '--target',
      'compose',
      '--seed',
      `${SEED}`,
    );

    expect(ended.code, `seed ${SEED}\n${ended.stdout}\n${ended.stderr}`).toBe(0);
    expect(ended.stdout).toContain('GREEN  leader-kill');
    expect(ended.stdout).toMatch(/RTO {2}longest outage: writes \d+ ms/);
  });
});
