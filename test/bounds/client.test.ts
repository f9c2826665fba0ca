/**
 * Goal: what a client holds is bounded, and room comes back.
 * @module-tag slow
 */
import { expect, test } from 'vitest';
import { CALLS_MAX } from '../../src/client/caller.ts';
import { failureOf, onStage } from '../client/stage.ts';

test('one more call than a client may have under way is BUSY; a write is rejected by that, and room comes back', () =>
  onStage(1, async ({ client }) => {
    const db = client(['nobody:7401'], 20);
    const waiting = Array.from({ length: CALLS_MAX }, () => failureOf(db.get('k')));

    expect(await failureOf(db.get('k'))).toMatchObject({ code: 'BUSY' });
    expect(await failureOf(db.put('k', 'v'))).toMatchObject({ code: 'BUSY', outcome: 'rejected' });

    const codes = new Set((await Promise.all(waiting)).map(({ code }) => code));
    expect(codes).not.toContain('BUSY');
    expect(await failureOf(db.get('k'))).not.toMatchObject({ code: 'BUSY' });
  }));
