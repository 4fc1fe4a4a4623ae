// What one row of the option table holds. The rows are in options.ts, the longer texts of the documentation in option-docs.ts.

/** Which of the two programs. */
export type Side = 'client' | 'server';

/** What an option can be set to. */
export type OptionValue = string | number | boolean;

/** See {@link OptionSpec.instead}. */
export type Substitute = number | 'low bits';

/** Systems by their name in `process.platform`. */
export type System = 'linux' | 'darwin' | 'win32' | 'freebsd';

/** Chapters of docs/CONFIGURATION.md, in their order. */
export const OPTION_GROUPS = {
  addresses: 'Addresses',
  secrecy: 'Encryption and protection',
  sessions: 'Sessions',
  retransmission: 'Retransmission',
  packets: 'Windows and packets',
  fec: 'Error correction',
  sockets: 'Sockets',
  streams: 'Streams',
  observing: 'Observing',
  program: 'Program',
} as const;

/** Where an option stands in the documentation. */
export type OptionGroup = keyof typeof OPTION_GROUPS;

/** One option of one or both programs. */
export interface OptionSpec {
  /** The flag without its dashes. */
  readonly name: string;
  readonly group: OptionGroup;
  /** Other spellings of the flag. */
  readonly aliases: readonly string[];
  readonly type: 'string' | 'integer' | 'boolean';
  /** Default on each side; a side without one does not have the option. */
  readonly defaults: { readonly client?: OptionValue; readonly server?: OptionValue };
  /** Least and greatest value of an integer that is used. */
  readonly range?: readonly [number, number];
  /**
   * What is used in place of an integer out of range, as by the Go programs; without this it is refused. `low bits`: as many of the
   * lowest bits as the greatest value has, if they are in range.
   */
  readonly instead?: {
    readonly below?: Substitute;
    readonly above?: Substitute;
    /** For negative numbers, where that is not as `below`. */
    readonly negative?: Substitute;
  };
  /** What 0 means, where it is not just the least number. */
  readonly zero?: string;
  /** A word that an integer may be instead of a number. */
  readonly word?: string;
  /** All values that a string may have. */
  readonly choices?: readonly string[];
  /** What an integer counts. */
  readonly unit?: 's' | 'ms' | 'bytes' | 'bytes/s' | 'packets';
  /** Text that the flag stands for when it is given without a value; such a flag takes one only as `--name=value`. Booleans: `true`. */
  readonly bare?: string;
  /** One line for the help. */
  readonly help: string;
  /** Key in the JSON file; without one it can only be a flag. */
  readonly jsonKey?: string;
  /** Environment variable that is read when the flag is not given. */
  readonly env?: string;
  /** Whether both ends must have the same value, because the wire does not negotiate it. */
  readonly equal?: true;
  /** Whether the Go programs do not have it. */
  readonly ours?: true;
  /** Where it works, and what is done elsewhere when it is asked for; without this, everywhere. */
  readonly systems?: { readonly on: readonly System[]; readonly elsewhere: 'refused' | 'ignored' };
  /** Left out of the help. */
  readonly hidden?: true;
  /** Never shown in messages. */
  readonly secret?: true;
}

/** Upper end of the ranges that have no other: the largest of Go's smallest integers, so that any value works at both ends. */
export const UNLIMITED = 0x7fffffff;

/** Fields of a row that most rows leave out. */
type Rest = Partial<Omit<OptionSpec, 'name' | 'group' | 'type' | 'defaults' | 'help' | 'jsonKey'>>;

/** Makes a row. `jsonKey` is the name unless given; `null`: there is none. */
export function option(
  name: string,
  group: OptionGroup,
  type: OptionSpec['type'],
  defaults: OptionSpec['defaults'],
  help: string,
  rest: Rest = {},
  jsonKey: string | null = name,
): OptionSpec {
  return { name, group, aliases: [], type, defaults, help, ...(jsonKey === null ? {} : { jsonKey }), ...rest };
}

/** The same default on both sides. */
export function both(value: OptionValue): OptionSpec['defaults'] {
  return { client: value, server: value };
}
