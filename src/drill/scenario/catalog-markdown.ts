import { loadScenario, scenarioNames } from './catalog.ts';

/** Every scenario of the package with its sentence and what taught it, as a table for docs/drills.md. */
export function scenariosAsMarkdown(): string {
  const rows = scenarioNames().map((name) => {
    const { about, lesson = '' } = loadScenario(name);
    return `| \`${name}\` | ${about} | ${lesson} |`;
  });
  return ['| Scenario | What happens | What taught it |', '| --- | --- | --- |', ...rows].join(
    '\n',
  );
}
