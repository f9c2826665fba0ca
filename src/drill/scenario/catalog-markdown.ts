import { loadScenario, scenarioNames } from './catalog.ts';

/** Formats every scenario of the package with its sentence and its origin, as a table for docs/drills.md. */
export function scenariosAsMarkdown(): string {
  const rows = scenarioNames().map((name) => {
    const { about, lesson = '' } = loadScenario(name);
    return `| \`${name}\` | ${about} | ${lesson} |`;
  });
  return ['| Scenario | What happens | What taught it |', '| --- | --- | --- |', ...rows].join(
    '\n',
  );
}
