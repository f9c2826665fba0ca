/** Scenarios that come with the package, in `drills/`, and those in files of the user's own. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { WalshipError } from '../../errors.ts';
import { parseScenario } from './scenario-file.ts';
import type { Scenario } from './scenario.ts';

const FOLDER = fileURLToPath(new URL('../../../drills/', import.meta.url));
const EXTENSION = '.yaml';

/** Returns the names of all scenarios of the package, in alphabetical order. */
export function scenarioNames(): readonly string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(EXTENSION))
    .map((name) => name.slice(0, -EXTENSION.length))
    .toSorted();
}

/**
 * Loads the scenario of that name, or in that file if `nameOrFile` has a slash or a file extension.
 * @throws WalshipError CONFIG_INVALID with all of its problems.
 */
export function loadScenario(nameOrFile: string): Scenario {
  const own = nameOrFile.includes('/') || /\.ya?ml$/.test(nameOrFile);
  if (!own && !scenarioNames().includes(nameOrFile)) {
    const hint = 'walship drill list prints all names; for your own file, give its path';
    throw new WalshipError('CONFIG_INVALID', `there is no scenario "${nameOrFile}"`, {
      details: { hint },
    });
  }
  const file = own ? nameOrFile : path.join(FOLDER, nameOrFile + EXTENSION);
  const shown = own ? nameOrFile : `drills/${nameOrFile}${EXTENSION}`;
  return parseScenario(read(file), shown);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WalshipError('CONFIG_INVALID', `the scenario cannot be read: ${why}`, { cause });
  }
}
