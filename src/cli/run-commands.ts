/** The commands that run nodes. */
import type { Command } from './commander.ts';
import type { CommandIo } from './command-io.ts';
import { example, number } from './command-options.ts';
import { loadConfig } from '../config/config.ts';
import { FIELD_NAMES, boundsText, defaultText, fieldOf, flagOf } from '../config/fields.ts';
import { createLogger } from './logger.ts';
import { serve } from './serve.ts';
import { stopSignal } from './stop-signal.ts';

/** Adds `serve` and `demo`. */
export function addRuns(program: Command, io: CommandIo): void {
  addServe(program, io);
  addDemo(program, io);
}

function addServe(program: Command, io: CommandIo): void {
  const command = program.command('serve').description('Run one node.');
  for (const name of FIELD_NAMES) {
    const field = fieldOf(name);
    const flags =
      field.kind === 'switch' ? flagOf(name) : `${flagOf(name)} <${field.placeholder ?? 'value'}>`;
    const bounds =
      field.kind === 'integer' || field.kind === 'choice' ? `${boundsText(field)}; ` : '';
    const fallback = field.required === true ? 'required' : `default: ${defaultText(field)}`;
    command.option(flags, `${field.doc} (${bounds}${fallback})`);
  }
  command.option('--config <file>', 'JSON file with the same options, as in {"heartbeatMs": 100}.');
  example(
    command.addHelpText(
      'after',
      '\nOrder: flags, then WALSHIP_ variables (WALSHIP_HEARTBEAT_MS), then the file of --config, then the default.',
    ),
    'walship serve --node n1 --data /var/lib/walship --initial-leader n1 \\',
    '  --peers n1=127.0.0.1:7401,n2=127.0.0.1:7402,n3=127.0.0.1:7403',
  );
  command.action(async (flags: Record<string, unknown>) => {
    const config = loadConfig({ flags, env: process.env });
    const log = createLogger({ level: config.logLevel, fields: { node: config.node } });
    // The import is here because the other commands start twice as fast without a whole node.
    const { nodeParts } = await import('./serve-parts.ts');
    // Daemons reread their files at SIGHUP: a node that ended instead would be a surprise.
    const signal = stopSignal(() => log.info({ signal: 'SIGHUP' }, 'nothing to read again'));
    await serve(config, { parts: nodeParts(log), io, log, signal });
  });
}

function addDemo(program: Command, io: CommandIo): void {
  const seconds = number('--seconds <n>', 'end after this time; 0: run until Ctrl-C', {
    min: 0,
    max: 86_400,
  }).default(0);
  const command = program
    .command('demo')
    .description('Run three nodes on this machine, write to them, and show their state.')
    .addOption(seconds)
    .action(async (options: { seconds: number }) => {
      const { demo } = await import('./demo.ts');
      await demo({ ...options, program: process.argv[1] ?? '', signal: stopSignal() }, io);
    });
  example(command, 'walship demo --seconds 30');
}
