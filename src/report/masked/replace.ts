/** Puts names of selects in place of the tables that a statement names. */
import { ConfigError } from '../../errors.ts'
import { suggestion } from '../../nearest.ts'
import { quoted } from '../../warehouse/sql.ts'
import type { Relation } from './relations.ts'
import { notMaskable, type Word } from './words.ts'

export interface Surroundings {
  readonly relations: readonly Relation[]
  /** Schemas whose tables are replaced. */
  readonly ours: readonly string[]
  /** What else may stand before a dot, in lower case. */
  readonly others: ReadonlySet<string>
}

export interface Replaced {
  readonly words: readonly string[]
  /** The name of the select of each table that the statement reads. */
  readonly tables: ReadonlyMap<Relation, string>
}

/** @throws ConfigError `unknown_table` for one that is not there, `not_maskable` for one that is elsewhere. */
export function replaceTables(words: readonly Word[], { relations, ours, others }: Surroundings): Replaced {
  const schemas = new Set(ours.map((name) => name.toLowerCase()))
  const tables = new Map<Relation, string>()
  const written: string[] = []
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] as Word
    const [dot, table, next] = words.slice(at + 1)
    const isSpace =
      word.kind === 'name' && dot?.text === '.' && (schemas.has(word.name) || others.has(word.name))
    if (!isSpace) {
      written.push(`${word.isApart ? ' ' : ''}${word.text}`)
      continue
    }
    if (words[at - 1]?.text === '.' || others.has(word.name)) {
      throw notMaskable(
        `"${word.text}" leads beyond what can be masked (or is an alias of that name: choose another)`,
      )
    }
    const relation = findRelation(relations, word.name, table)
    const name = tables.get(relation) ?? `masked_${tables.size + 1}`
    at += 2
    // A column after the name of its table, or the table itself.
    if (next?.text === '.') written.push(` ${quoted(relation.name)}`)
    else {
      tables.set(relation, name)
      written.push(` ${name}${hasAlias(next) ? '' : ` as ${quoted(relation.name)}`}`)
    }
  }
  return { words: written, tables }
}

/** The statement with its selects before all others that it names. */
export function withSelects(words: readonly string[], selects: readonly string[]): string {
  if (selects.length === 0) return words.join('').trim()
  const isNamed = words[0]?.trim().toLowerCase() === 'with'
  const isRecursive = isNamed && words[1]?.trim().toLowerCase() === 'recursive'
  const rest = words.slice(isRecursive ? 2 : isNamed ? 1 : 0).join('')
  return `with${isRecursive ? ' recursive' : ''} ${selects.join(', ')}${isNamed ? ',' : ''} ${rest.trim()}`
}

function findRelation(relations: readonly Relation[], schema: string, table: Word | undefined): Relation {
  const inSchema = relations.filter((one) => one.schema.toLowerCase() === schema)
  const found = inSchema.find(({ name }) => name.toLowerCase() === table?.name)
  if (found) return found
  const called = table?.kind === 'name' ? table.name : ''
  const known = inSchema.map(({ name }) => name)
  throw new ConfigError(`there is no table or view ${schema}.${called}${suggestion(called, known)}`, {
    code: 'unknown_table',
  })
}

/** A wrong guess is a fault of syntax, and shows nothing. */
const hasAlias = (next: Word | undefined): boolean =>
  next?.kind === 'name' && (next.text.startsWith('"') || !notAliases.has(next.name))

/** What may follow a table in a FROM. */
const notAliases = new Set(
  `where join on left right inner outer cross full natural group order limit offset having union except intersect window
   using lateral tablesample fetch for qualify positional asof anti semi pivot unpivot sample select`.split(
    /\s+/,
  ),
)
