// Completion for shells, made from the option table: flags, and the words or files that they take. Printed by `--completion SHELL`; the files in
// share/completion are the same texts.

import type { OptionSpec, Side } from './option-spec.ts';
import { optionsOf, type Shell } from './options.ts';

/** Options whose value is the path of a file. */
const FILES: readonly string[] = ['c', 'log', 'snmplog'];

/** A flag as completion sees it. */
interface Flag {
  /** With dashes, the name first. */
  readonly spellings: readonly string[];
  readonly help: string;
  /** What may follow: nothing, a file, one of these words, or anything. */
  readonly takes: 'nothing' | 'file' | 'text' | readonly string[];
}

/** The text of a completion. */
export function completionScript(side: Side, shell: Shell): string {
  const program = `kcptun-${side}`;
  const lines = { bash: bashLines, zsh: zshLines, fish: fishLines }[shell](program, flagsOf(side));
  return `${lines.join('\n')}\n`;
}

function flagsOf(side: Side): Flag[] {
  const shown = optionsOf(side).filter((option) => option.hidden !== true);
  return [
    ...shown.map((option) => ({ spellings: [option.name, ...option.aliases].map(dashed), help: option.help, takes: takes(option) })),
    { spellings: ['--help', '-h'], help: 'show this help', takes: 'nothing' },
    { spellings: ['--version', '-v'], help: 'print the version', takes: 'nothing' },
  ];
}

function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

function takes(option: OptionSpec): Flag['takes'] {
  if (option.type === 'boolean' || option.bare !== undefined) return 'nothing';
  if (FILES.includes(option.name)) return 'file';
  return option.choices?.filter((choice) => choice !== 'off') ?? 'text';
}

/** How a shell writes what a flag takes. */
function write(flag: Flag, file: string, text: string, words: (words: string) => string): string {
  if (flag.takes === 'nothing') return '';
  if (flag.takes === 'file') return file;
  return flag.takes === 'text' ? text : words(flag.takes.join(' '));
}

function bashLines(program: string, flags: readonly Flag[]): string[] {
  const name = `_${program.replace('-', '_')}`;
  // Go's programs take one dash as well as two, and so do these.
  const pattern = (flag: Flag): string => [...new Set(flag.spellings.flatMap((each) => [each, each.replace(/^--/, '-')]))].join(' | ');
  const file = `local IFS=$'\\n'; compopt -o filenames 2> /dev/null; COMPREPLY=($(compgen -f -- "$word"))`;
  const cases = flags
    .map((flag) => [pattern(flag), write(flag, file, ':', (words) => `COMPREPLY=($(compgen -W '${words}' -- "$word"))`)] as const)
    .filter(([, command]) => command !== '')
    .map(([spellings, command]) => `    ${spellings}) ${command}; return ;;`);
  return [
    `# bash completion of ${program}`,
    `${name}() {`,
    `  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}`,
    '  # bash takes --flag=value apart.',
    "  if [[ $word == '=' ]]; then",
    "    word=''",
    "  elif [[ $before == '=' ]]; then",
    `    before=\${COMP_WORDS[COMP_CWORD - 2]}`,
    '  fi',
    '  COMPREPLY=()',
    '  case $before in',
    ...cases,
    '  esac',
    `  local flags='${flags.flatMap((flag) => flag.spellings).join(' ')}'`,
    `  if [[ $word == -[!-]* ]]; then flags=\${flags//--/-}; fi`,
    '  COMPREPLY=($(compgen -W "$flags" -- "$word"))',
    '}',
    `complete -F ${name} ${program}`,
  ];
}

function zshLines(program: string, flags: readonly Flag[]): string[] {
  const specs = flags.map((flag) => {
    const value = write(flag, ':file:_files', ':value:', (words) => `:value:(${words})`);
    const spellings = flag.spellings.map((each) => (value !== '' && each.startsWith('--') ? `${each}=` : each));
    const help = quote(`[${flag.help.replace(/[[\]\\:]/g, '\\$&')}]${value}`);
    return spellings.length === 1
      ? `  ${quote(spellings[0] ?? '')}${help}`
      : `  '(${flag.spellings.join(' ')})'{${spellings.join(',')}}${help}`;
  });
  return [`#compdef ${program}`, '_arguments \\', specs.join(' \\\n')];
}

function fishLines(program: string, flags: readonly Flag[]): string[] {
  const lines = flags.map((flag) => {
    const spellings = flag.spellings.map((each) => (each.startsWith('--') ? `-l ${each.slice(2)}` : `-s ${each.slice(1)}`)).join(' ');
    const value = write(flag, ' -r -F', ' -x', (words) => ` -x -a '${words}'`);
    return `complete -c ${program} ${spellings}${value} -d '${flag.help.replace(/[\\']/g, '\\$&')}'`;
  });
  return [`# fish completion of ${program}`, `complete -c ${program} -f`, ...lines];
}

/** A word of a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
