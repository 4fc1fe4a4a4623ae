// The JSON schema of a configuration file, for editors: keys, types, ranges, defaults and texts of the option table.
// What it cannot say, and the programs check themselves: keys in any case, and rules between two options.
import { OPTION_DOCS, optionsOf } from '../dist/index.js';

const PUBLISHED = 'https://unpkg.com/@kcptun/cli/schema';

/**
 * @param {import('../dist/index.js').Side} side
 * @returns {object} a schema of draft 07, which editors know
 */
export function configSchema(side) {
  const keys = optionsOf(side).filter((option) => option.jsonKey !== undefined);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: `${PUBLISHED}/${side}.schema.json`,
    title: `Configuration file of kcptun-${side}`,
    description: `What kcptun-${side} reads with -c. A key that is absent or null leaves the command line and the default as they are.`,
    type: 'object',
    properties: {
      $schema: { type: 'string', description: 'Where this schema is; the programs do not look at it.' },
      ...Object.fromEntries(keys.map((option) => [option.jsonKey, schemaOf(option, side)])),
    },
    additionalProperties: false,
  };
}

/**
 * An integer that a word may stand for.
 * @param {import('../dist/index.js').OptionSpec} option
 * @param {import('../dist/index.js').Side} side
 */
function schemaOfWord({ word, ...option }, side) {
  const { default: value, description, ...integer } = schemaOf(option, side);
  return { anyOf: [integer, { const: word }], default: value, description };
}

/**
 * @param {import('../dist/index.js').OptionSpec} option
 * @param {import('../dist/index.js').Side} side
 */
function schemaOf(option, side) {
  if (option.word !== undefined) return schemaOfWord(option, side);
  const values =
    option.choices === undefined ? { type: [option.type, 'null'] } : { type: [option.type, 'null'], enum: [...option.choices, null] };
  const range = option.range === undefined ? {} : { minimum: option.range[0], maximum: option.range[1] };
  return { ...values, ...range, default: option.defaults[side], description: OPTION_DOCS[option.name]?.replaceAll('`', '') };
}
