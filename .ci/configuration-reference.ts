// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is how a configuration refers to a value
/** docs/configuration.md: the keys of the configuration and the settings of an export, from their schemas. */
import { z } from 'zod'
import type { JsonSchema } from '../src/config/json-schema.ts'
import { configReference, schemaReference } from '../src/config/reference.ts'
import { settingsSchema } from '../src/export/definition/settings.ts'

export function configurationReference(): string {
  return [
    '# Configuration',
    '',
    'Generated from the schemas by `npm run readme`.',
    '',
    'One JSON file, `config.json` unless `--config` or `$ITERABLE_ELT_CONFIG` names another. Comments are allowed. Unknown keys are',
    'refused, with the nearest known name; all faults are reported at once, each with its path. `iterable-elt check` tries what is',
    'configured. `config.example.json` in the package has every key, and `config.schema.json` lets an editor complete and check them',
    '(`"$schema"`).',
    '',
    '- `${NAME}` takes a value from the environment, or from a `.env` file beside the configuration; `${file:/run/secrets/x}` takes it',
    '  from a file. Keep keys and passwords there.',
    '- Durations are `30s`, `5m`, `1h`, `1d`. Dates are `MM/DD/YYYY` or ISO 8601.',
    '- Relative paths are relative to the configuration file.',
    '- `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are honoured.',
    '',
    'The shortest configuration that syncs:',
    '',
    '```json',
    '{',
    '  "warehouse": { "type": "duckdb", "path": "warehouse.duckdb" },',
    '  "connections": { "iterable": { "type": "iterable", "api_key": "${ITERABLE_API_KEY}" } }',
    '}',
    '```',
    '',
    '## Keys',
    '',
    configReference(),
    '',
    '<a id="exports"></a>',
    '## Settings of an export',
    '',
    'The YAML block at the top of `sql/exports/NAME.sql`, or `settings` of a row of `iterable_sync.exports`. [exports.md](exports.md)',
    'explains them in their context; `schedule` takes the keys of `sync.schedule`.',
    '',
    schemaReference(settingsJsonSchema()),
    '',
    'A brake is written as a word (`hold`), as a number (its limit), or as both: `removals: { percent: 30, verdict: fail }`. `warn` tells',
    'and goes on, `hold` waits for approval, `fail` ends the run, `off` ignores it.',
    '',
  ].join('\n')
}

/** As it is after its defaults were filled in: that is where they stand. The schedule is described elsewhere. */
function settingsJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(settingsSchema, { io: 'output', unrepresentable: 'any' }) as JsonSchema
  const { schedule, brakes, notify, ...others } = schema.properties ?? {}
  const properties = {
    ...others,
    brakes: { ...brakes, properties: brakesInShort(brakes) },
    ...(schedule && { schedule: { type: 'object', description: schedule.description ?? '' } }),
    ...(notify && { notify: { ...notify, required: [] } }),
  }
  return { ...schema, properties, required: ['action'] }
}

/** A brake as a word: what it does by default, where that does not depend on the action. */
function brakesInShort(brakes: JsonSchema | undefined): Record<string, JsonSchema> {
  const entries = Object.entries(brakes?.properties ?? {}).map(([name, brake]): [string, JsonSchema] => {
    const { verdict } = brake.properties ?? {}
    if (!verdict) return [name, brake]
    const preset = brakes?.required?.includes(name) ? { default: verdict.default } : {}
    return [name, { type: 'word, number or object', description: brake.description ?? '', ...preset }]
  })
  return Object.fromEntries(entries)
}
