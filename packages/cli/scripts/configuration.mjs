// The generated parts of docs/CONFIGURATION.md: from rows of the option table to Markdown.
import { allowedValues, exampleOf, OPTION_DOCS, OPTION_GROUPS, OPTIONS, SYSTEM_NAMES, UNLIMITED, unitOf } from '../dist/index.js';

/** @typedef {import('../dist/index.js').OptionSpec} OptionSpec */

/** @returns {string} the options that both ends must agree on */
export function equalOptions() {
  const rows = OPTIONS.filter((option) => option.equal === true).map((option) => `| \`--${option.name}\` | ${defaultsOf(option)} |`);
  return ['| flag | default |', '|----|----|', ...rows].join('\n');
}

/** @returns {string} a chapter for each group, a section for each option */
export function optionChapters() {
  return Object.entries(OPTION_GROUPS)
    .map(([group, title]) => [`### ${title}`, ...OPTIONS.filter((option) => option.group === group).map(section)].join('\n\n'))
    .join('\n\n');
}

/** @returns {string} options that do not work on all systems */
export function systemRows() {
  const systems = /** @type {(keyof typeof SYSTEM_NAMES)[]} */ (Object.keys(SYSTEM_NAMES));
  const rows = OPTIONS.flatMap((option) => {
    if (option.systems === undefined) return [];
    const { on, elsewhere } = option.systems;
    return [`| \`--${option.name}\` | ${systems.map((system) => (on.includes(system) ? 'yes' : elsewhere)).join(' | ')} |`];
  });
  const names = systems.map((system) => SYSTEM_NAMES[system]);
  return [`| option | ${names.join(' | ')} |`, `|----${'|----'.repeat(systems.length)}|`, ...rows].join('\n');
}

/** @param {OptionSpec} option */
function section(option) {
  const flags = [option.name, ...option.aliases].map((name) => `\`${name.length === 1 ? '-' : '--'}${name}\``);
  return [`#### ${flags.join(', ')}`, factsOf(option).join(' · '), OPTION_DOCS[option.name]].join('\n\n');
}

/** @param {OptionSpec} option */
function factsOf(option) {
  const sides = Object.keys(option.defaults);
  return [
    ...(sides.length === 1 ? [`${sides[0]} only`] : []),
    valuesOf(option),
    ...insteadOf(option),
    `default ${defaultsOf(option)}`,
    ...(option.zero === undefined ? [] : [`0: ${option.zero}`]),
    ...(option.jsonKey === undefined ? ['flag only'] : [`JSON \`${exampleOf(option, exampleValue(option), 'file')}\``]),
    ...(option.env === undefined ? [] : [`environment \`${option.env}\``]),
    ...(option.equal === true ? ['**equal on both ends**'] : []),
    ...(option.systems === undefined ? [] : [`${option.systems.on.map((system) => SYSTEM_NAMES[system]).join(', ')} only`]),
    ...(option.ours === true ? ['not in the Go programs'] : []),
  ];
}

/** @param {OptionSpec} option */
function valuesOf(option) {
  if (option.choices !== undefined) return option.choices.map((choice) => `\`${choice}\``).join(' ');
  if (option.range === undefined) return option.type === 'boolean' ? 'switch' : 'text';
  return option.range[1] < UNLIMITED
    ? allowedValues(option)
    : `${option.range[0]} or more${unitOf(option) === undefined ? '' : ` ${unitOf(option)}`}`;
}

/**
 * What is used in place of numbers out of range.
 * @param {OptionSpec} option
 */
function insteadOf({ instead }) {
  const { below, above, negative } = instead ?? {};
  const parts = [
    ...(negative === undefined ? [] : [`negative: ${substitute(negative)}`]),
    ...(below === undefined ? [] : [`less: ${substitute(below)}`]),
    ...(above === undefined ? [] : [`more: ${substitute(above)}`]),
  ];
  return parts.length === 0 ? [] : [`out of range, ${parts.join(', ')}`];
}

/** @param {import('../dist/index.js').Substitute} value */
function substitute(value) {
  return value === 'low bits' ? 'its lowest bits' : String(value);
}

/** @param {OptionSpec} option */
function defaultsOf(option) {
  const { client, server } = option.defaults;
  if (client === undefined || server === undefined || client === server) return shown(client ?? server);
  return `${shown(client)} (client), ${shown(server)} (server)`;
}

/** @param {import('../dist/index.js').OptionValue | undefined} value */
function shown(value) {
  if (value === '') return 'none';
  if (value === false) return 'off';
  return typeof value === 'number' ? String(value) : `\`${value}\``;
}

/** @param {OptionSpec} option */
function exampleValue(option) {
  return option.type === 'boolean' ? true : (option.defaults.client ?? option.defaults.server ?? '');
}
