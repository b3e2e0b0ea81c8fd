/**
 * Before the transaction: which columns a download asks for, and chunks that can be read in one statement. Nothing here
 * touches the warehouse; the engine looks through the chunks, and only odd ones are rewritten.
 */
import { join } from 'node:path'
import type { ColumnType, Lifted, Stream } from '../catalog/index.ts'
import type { Engine } from '../engine/engine.ts'
import { kindsIn } from '../json/kinds.ts'
import type { Chunk } from '../spool/chunk.ts'
import { Rejects } from '../spool/rejects.ts'
import { extraKey } from '../warehouse/names.ts'
import type { Dialect, Warehouse } from '../warehouse/session.ts'
import {
  columnOf,
  fieldColumns,
  type Kind,
  type Shape,
  typeFor,
  withNewFields,
  withTypes,
} from '../warehouse/shape.ts'
import { kindsInside } from './inspect.ts'
import { readKeys } from './parse.ts'
import { renamedChunk } from './rename.ts'
import { type RewriteRules, rewriteChunk } from './rewrite.ts'

/** Chunks that can be loaded into a table of this shape, and the lines that cannot. */
export interface Prepared {
  readonly shape: Shape
  readonly chunks: readonly Chunk[]
  /** The same records under the fields' own names, for `rejected_rows`. */
  readonly records: readonly Chunk[]
  /** Lines that came, bad ones included. */
  readonly lines: number
  readonly rejects: Rejects
  readonly replacedSurrogates: number
  readonly replacedNuls: number
  /** Lines with several members of one name within a nested value, of which the last is kept. */
  readonly twins: number
  /** Text columns are read the exact way: a first try met a value that may be an object. */
  readonly precise: boolean
  /** Numbers that no double holds stand in the chunks as texts. */
  readonly verbatim: boolean
}

export interface PrepareOptions {
  readonly stream: Stream
  readonly shape: Shape
  readonly chunks: readonly Chunk[]
  /** Lines that came and stand in none of the chunks. */
  readonly refused: Rejects
  /** Types that `users/getFields` declares. */
  readonly declared: ReadonlyMap<string, ColumnType>
  readonly directory: string
  /** Columns whose values a first try has refused: each of them is looked at, and the column widened. */
  readonly doubtful?: ReadonlySet<string> | undefined
  /** Look at every value of every column and rewrite every chunk: after the fast path was refused. */
  readonly careful: boolean
}

/** Makes a download ready to be committed. */
export async function prepareLoad(warehouse: Warehouse, options: PrepareOptions): Promise<Prepared> {
  const { engine, dialect } = warehouse
  const { stream, careful, doubtful } = options
  const clean = await cleanChunks(dialect, options)
  const { shape, overflow } = await shapeFor(engine, dialect, options, clean.chunks)
  const widest =
    careful || doubtful?.size
      ? await widenedShape(engine, stream, shape, clean.chunks, careful ? undefined : doubtful)
      : shape
  const keyed = await rekeyedChunks(dialect, options, widest, overflow, clean)
  await engine.makeRoomFor(widest.columns.length, Math.max(0, ...keyed.chunks.map((c) => c.maxLineBytes)))
  return {
    shape: widest,
    chunks: keyed.chunks,
    records: clean.chunks,
    lines: clean.lines,
    rejects: clean.rejects,
    replacedSurrogates: clean.replacedSurrogates,
    replacedNuls: clean.replacedNuls + keyed.replacedNuls,
    twins: options.chunks.reduce((sum, { twins }) => sum + twins, 0),
    precise: careful,
    verbatim: clean.chunks.some(({ inexact }) => inexact > 0),
  }
}

interface Clean {
  readonly chunks: readonly Chunk[]
  readonly lines: number
  readonly rejects: Rejects
  readonly replacedSurrogates: number
  readonly replacedNuls: number
}

/** Chunks that DuckDB reads; lines that are not records of the stream are set aside. */
async function cleanChunks(dialect: Dialect, options: PrepareOptions): Promise<Clean> {
  const chunks: Chunk[] = []
  const rejects = new Rejects(join(options.directory, `rejects-${nextNumber()}.json`), options.refused)
  let [lines, replacedSurrogates, replacedNuls] = [0, 0, 0]
  for (const chunk of options.chunks) {
    const isClean =
      chunk.suspects === 0 &&
      !chunk.fields.has(extraKey) &&
      // No warehouse holds half of a surrogate pair.
      [...chunk.fields.keys()].every((field) => field.isWellFormed()) &&
      !options.careful &&
      !(dialect.refusesNul && chunk.mayHaveNul)
    if (isClean) {
      chunks.push(chunk)
      lines += chunk.lines
      continue
    }
    const rules: RewriteRules = {
      mark: options.stream.mark,
      readKey: (field) => (isName(field) && field !== extraKey ? field : undefined),
      replaceNul: dialect.refusesNul,
      isOurs: false,
      verbatim: undefined,
      refusesNumber: options.careful ? dialect.refusesNumber : undefined,
      embedded: new Set(
        fieldColumns(options.shape).flatMap(({ source, embedded }) => (embedded ? [source] : [])),
      ),
      page:
        options.careful && dialect.rowBytes !== undefined
          ? { bytes: dialect.rowBytes, kept: new Set(Object.keys(options.stream.columns)) }
          : undefined,
    }
    const rewritten = await rewriteChunk(chunk, join(options.directory, 'clean'), rules, rejects)
    chunks.push(...rewritten.chunks)
    lines += rewritten.chunks.reduce((sum, part) => sum + part.lines, 0)
    replacedSurrogates += rewritten.replacedSurrogates
    replacedNuls += rewritten.replacedNuls
  }
  return { chunks, lines: lines + rejects.length, rejects, replacedSurrogates, replacedNuls }
}

/** The shape with a column for each new field that has a value, and the fields that found no place. */
async function shapeFor(
  engine: Engine,
  dialect: Dialect,
  { stream, shape, declared }: PrepareOptions,
  chunks: readonly Chunk[],
): Promise<{ shape: Shape; overflow: ReadonlySet<string> }> {
  const known = new Set(fieldColumns(shape).map(({ source }) => source))
  const kinds = new Map<string, Set<Kind>>()
  const meet = (field: string, seen: ReadonlySet<Kind>) => {
    kinds.set(field, new Set([...(kinds.get(field) ?? []), ...seen]))
  }
  for (const chunk of chunks) {
    // A field that an earlier chunk had is asked about no more: a value of another kind shows when it is loaded.
    const unknown = [...chunk.fields.keys()].filter(
      (field) => !known.has(field) && !kinds.has(field) && field !== extraKey,
    )
    // In the order of appearance, which decides who keeps a name that differs only by case.
    for (const field of unknown) {
      const met = isName(field) ? kindsOf(chunk, field) : new Set<Kind>(['text'])
      if (met.size > 0) meet(field, met)
    }
    const { lifted } = stream
    if (lifted && !known.has(lifted.source) && !kinds.has(lifted.source) && chunk.fields.has(lifted.parent)) {
      const inside = await kindsLifted(engine, chunk, lifted)
      if (inside.size > 0) meet(lifted.source, inside)
    }
  }
  const fields = [...kinds].map(([source, seen]) => {
    const promised = declared.get(source)
    const fits = promised !== undefined && [...seen].every((kind) => holds(promised, kind))
    return fits
      ? ({ source, type: promised, origin: 'declared' } as const)
      : ({ source, type: typeFor(seen), origin: 'seen' } as const)
  })
  const extended = withNewFields(shape, fields, dialect)
  const overflow = fields.map(({ source }) => source).filter((source) => !columnOf(extended, source))
  return { shape: extended, overflow: new Set(overflow) }
}

/** The kinds of values that a column takes from inside of an object. */
async function kindsLifted(
  engine: Engine,
  chunk: Chunk,
  { parent, member }: Lifted,
): Promise<ReadonlySet<Kind>> {
  const kinds = await kindsInside(engine, chunk, parent, member)
  // Whether it is one of the numbers that no double holds shows only when it is taken out.
  return kinds.has('double') && chunk.inexact > 0 ? new Set([...kinds, 'text']) : kinds
}

/** The kinds of values that a field has in a chunk; one that is always null has none. */
const kindsOf = ({ fields }: Chunk, field: string): ReadonlySet<Kind> =>
  kindsIn(fields.get(field)?.kinds ?? 0)

const isName = (field: string): boolean => field !== '' && !field.includes('\0')

/** Whether a declared type takes a value of this kind; a date is sent as text or as epoch milliseconds. */
const holds = (declared: ColumnType, kind: Kind): boolean =>
  declared === 'timestamptz' ? kind === 'text' || kind === 'bigint' : typeFor([declared, kind]) === declared

/** The shape with every column as wide as the values of these chunks ask. */
async function widenedShape(
  engine: Engine,
  stream: Stream,
  shape: Shape,
  chunks: readonly Chunk[],
  only: ReadonlySet<string> | undefined,
): Promise<Shape> {
  const columns = fieldColumns(shape).filter(
    ({ name, type, embedded }) => type !== 'timestamptz' && !embedded && (!only || only.has(name)),
  )
  const asked = new Map(columns.map(({ name, type }) => [name, new Set<Kind>([type])]))
  for (const chunk of chunks) {
    const kinds = new Map(columns.map(({ source }) => [source, kindsOf(chunk, source)]))
    const { lifted } = stream
    if (lifted && chunk.fields.has(lifted.parent) && columnOf(shape, lifted.source)) {
      const inside = await kindsLifted(engine, chunk, lifted)
      kinds.set(lifted.source, new Set([...(kinds.get(lifted.source) ?? []), ...inside]))
    }
    for (const { source, name } of columns) {
      const isKey = stream.key.includes(name)
      const seen = [...(kinds.get(source) ?? [])].filter((kind) => !(isKey && kind === 'json'))
      for (const kind of seen) asked.get(name)?.add(kind)
    }
  }
  // All chunks first: whether a double may be, the largest whole number of any of them decides.
  return withTypes(shape, new Map([...asked].map(([name, kinds]) => [name, typeFor(kinds)])))
}

/** Chunks under the keys that the reader asks for: only those that hold an odd name are rewritten. */
async function rekeyedChunks(
  dialect: Dialect,
  { directory, stream }: PrepareOptions,
  shape: Shape,
  overflow: ReadonlySet<string>,
  { chunks, rejects }: Clean,
): Promise<{ chunks: readonly Chunk[]; replacedNuls: number }> {
  const keys = readKeys(shape)
  const { lifted } = stream
  const isOdd = (field: string) => overflow.has(field) || (keys.get(field) ?? field) !== field
  const verbatim = new Set([
    extraKey,
    ...fieldColumns(shape).flatMap(({ type, source }) =>
      type === 'json' ? [keys.get(source) ?? source] : [],
    ),
  ])
  const keyed: Chunk[] = []
  let replacedNuls = 0
  for (const chunk of chunks) {
    if (chunk.inexact === 0 && ![...chunk.fields.keys()].some(isOdd)) {
      keyed.push(chunk)
      continue
    }
    const isRenamed = overflow.size === 0 && chunk.inexact === 0
    const renamed = isRenamed ? renamedChunk(chunk, join(directory, 'keyed'), keys) : undefined
    if (renamed) {
      keyed.push(renamed)
      continue
    }
    const rules: RewriteRules = {
      mark: undefined,
      readKey: (field) => (overflow.has(field) ? undefined : (keys.get(field) ?? field)),
      replaceNul: dialect.refusesNul,
      isOurs: true,
      verbatim,
      lifted:
        lifted && !overflow.has(lifted.source)
          ? { ...lifted, key: keys.get(lifted.source) ?? lifted.source }
          : undefined,
    }
    const rewritten = await rewriteChunk(chunk, join(directory, 'keyed'), rules, rejects)
    keyed.push(...rewritten.chunks)
    replacedNuls += rewritten.replacedNuls
  }
  return { chunks: keyed, replacedNuls }
}

let preparations = 0
const nextNumber = (): number => {
  preparations += 1
  return preparations
}
