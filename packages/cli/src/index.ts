/** The command lines of kcptun-client and kcptun-server: flags, config file, log, signals. */
export { type AddressContext, type ParsedAddress, parseDatagramAddress, parseStreamAddress } from './addresses.ts';
export { type GivenFlag, type ScannedArguments, scanArguments } from './argv.ts';
export { type CommandLine, type Environment, parseCommandLine, type Settings } from './command-line.ts';
export { completionScript } from './completion.ts';
export { type ConfigFile, parseConfigFile } from './config-file.ts';
export { ConfigError, type ConfigErrorCode } from './errors.ts';
export { formatGoTime, type GoTime, localGoTime } from './go-time.ts';
export { closeUnaskedInspector } from './inspector.ts';
export { createLog, formatTime, LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel, type LogOptions } from './log.ts';
export { LogFile } from './log-file.ts';
export { OPTION_DOCS } from './option-docs.ts';
export {
  OPTION_GROUPS,
  type OptionGroup,
  type OptionSpec,
  type OptionValue,
  type Side,
  type Substitute,
  type System,
  UNLIMITED,
} from './option-spec.ts';
export {
  type ClientOptions,
  findOption,
  OPTIONS,
  type OptionsOf,
  optionsOf,
  type ServerOptions,
  SHELLS,
  type SharedOptions,
  type Shell,
} from './options.ts';
export { helpText } from './parser.ts';
export { configJson, configText, type PrintedSetting } from './print-config.ts';
export { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, type ProgramContext, programVersion, readSettings } from './program.ts';
export { decodeAsGo, keyOf, rawArguments, rawEnvironment } from './raw-words.ts';
export { type Origin, SYSTEM_NAMES } from './rules.ts';
export { clientOptions, runClient, runServer, serverOptions } from './run.ts';
export { findService } from './services.ts';
export { integrityLine, memoryLine, settingLines } from './settings-log.ts';
export { type SignalSource, type StopHandlers, type StopSignal, stopOnSignals } from './signals.ts';
export { guardLine, snmpLine } from './snmp-line.ts';
export { appendSnmpLine } from './snmp-log.ts';
export { allowedValues, exampleOf, type Notation, unitOf } from './values.ts';
