/** Options that several commands share. */
import { Option } from './commander.ts';
import type { Command } from './commander.ts';
import { TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX, URL_DEFAULT, parseNumber } from './client-options.ts';

/** Creates an option with a whole number. */
export function number(flags: string, doc: string, bounds: { min: number; max: number }): Option {
  const name = flags.split(' ')[0] ?? flags;
  return new Option(flags, doc).argParser((text) => parseNumber(text, { name, ...bounds }));
}

/** Adds example lines to the end of a command's help. */
export function example(command: Command, ...lines: readonly string[]): Command {
  const label = lines.length === 1 ? 'Example' : 'Examples';
  return command.addHelpText('after', `\n${label}:\n${lines.map((l) => `  ${l}`).join('\n')}`);
}

/** Adds `--json`, for every command that prints data. */
export function addJson(command: Command): Command {
  return command.option('--json', 'print JSON', false);
}

/** Adds the options of every command that talks to a cluster. */
export function addClientOptions(command: Command): Command {
  const url = new Option(
    '--url <url>',
    'address of a node, or ID=HOST:PORT; with several, they are tried in turn',
  )
    .default([URL_DEFAULT], URL_DEFAULT)
    .argParser((text: string, before: string[]) =>
      before[0] === URL_DEFAULT && before.length === 1 ? [text] : [...before, text],
    );
  const timeout = number('--timeout-ms <ms>', 'time limit in milliseconds, retries included', {
    min: 1,
    max: TIMEOUT_MS_MAX,
  }).default(TIMEOUT_MS_DEFAULT);
  return addJson(command.addOption(url).addOption(timeout));
}
