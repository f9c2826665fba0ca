/** The library behind the command line; every command is wired through here, so that it is named once. */
export { Command, CommanderError, Option } from 'commander';
