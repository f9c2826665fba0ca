/** Library of the command line; all commands import it from here, so that it is named once. */
export { Command, CommanderError, Option } from 'commander';
