import { defineConfig } from 'vitest/config';
import { testFiles } from './test/unit-files.ts';

const { unit, component } = testFiles();

// Groups run one after the other: tests with real processes and clocks get the machine for themselves.
export default defineConfig({
  test: {
    tags: [{ name: 'slow', description: 'takes more than a second; npm run check leaves it out' }],
    projects: [
      {
        test: {
          name: 'unit',
          include: unit,
          // The files share loaded modules: a unit test leaves nothing behind.
          isolate: false,
          testTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'component',
          include: component,
          testTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'sim',
          include: ['test/sim/**/*.test.ts'],
          testTimeout: 600_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'compose',
          include: ['test/compose/**/*.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 900_000,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
