// Everything that is wrong with a command line and its file, told at once.

import { KcptunError } from '@kcptun/common';

/** Stable reasons of {@link ConfigError}. */
export type ConfigErrorCode = 'KCPTUN_ERR_CLI_CONFIG';

/** The command line, the environment or the configuration file cannot be used. */
export class ConfigError extends KcptunError {
  declare readonly code: ConfigErrorCode;
  /** One line per problem: what was given, what is wrong, what to do. */
  readonly problems: readonly string[];

  /** What is only odd, but may be how a problem came about: an unknown key, for example. */
  readonly warnings: readonly string[];

  /** @param problems - at least one line */
  constructor(problems: readonly string[], warnings: readonly string[] = []) {
    super('KCPTUN_ERR_CLI_CONFIG', problems.join('\n'));
    this.problems = problems;
    this.warnings = warnings;
  }
}
