import { loadScenario, scenarioNames } from '../drill/scenario/catalog.ts';
import type { CommandIo } from './command-io.ts';
import { textTable } from './text-table.ts';

/** Runs `walship drill list`: prints every scenario that comes with the package. */
export function drillList({ json }: { readonly json: boolean }, io: CommandIo): void {
  const scenarios = scenarioNames().map((name) => loadScenario(name));
  if (json) {
    const shown = scenarios.map(({ name, about, lesson, loss, cluster }) => ({
      name,
      about,
      lesson: lesson ?? null,
      loss,
      nodes: cluster.nodes,
      quorum: cluster.quorum,
    }));
    return io.out(`${JSON.stringify(shown)}\n`);
  }
  const rows = scenarios.map(({ name, about, loss }) => [
    name,
    loss === 'none' ? about : `${about} (meant to lose: --expect-loss)`,
  ]);
  io.out(`${textTable(['SCENARIO', 'WHAT HAPPENS'], rows)}\n`);
}
