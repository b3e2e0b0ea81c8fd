/**
 * `${NAME}` in any text of a configuration becomes the environment variable, `${file:PATH}` the content of a
 * file and `${exec:COMMAND}` what a command prints, without the line break at its end. `$${` stands for `${`. Keys are
 * left as they are.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { messageOf } from '../errors.ts'
import { type Fault, type Path, pathText } from './path.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export type Interpolated = {
  readonly value: unknown
  /** Where text came from the environment or a file (by the text of its path): such values are never shown. */
  readonly sources: ReadonlyMap<string, string>
  readonly faults: readonly Fault[]
}

/** Where the values of references come from. */
export interface Sources {
  readonly env: Environment
  /** Relative files are read from there. */
  readonly baseDirectory: string
  /** What commands have printed, by their text. */
  readonly commands?: ReadonlyMap<string, Reference>
}

/** A copy of `raw` with all references replaced. */
export function interpolate(raw: unknown, from: Sources): Interpolated {
  const sources = new Map<string, string>()
  const faults: Fault[] = []

  function visit(value: unknown, path: Path): unknown {
    if (typeof value === 'string') return replaced(value, path)
    if (Array.isArray(value)) return value.map((item, index) => visit(item, [...path, index]))
    if (!isPlainObject(value)) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item, [...path, key])]))
  }

  function replaced(text: string, path: Path): string {
    return text.replace(pattern, (reference, name: string | undefined, closed?: string) => {
      if (name === undefined) return '${'
      sources.set(pathText(path), shown(reference))
      const found: Reference = closed ? readReference(name, from) : { fault: unreadable(reference) }
      if ('value' in found) return found.value
      faults.push({ path, message: found.fault })
      return reference
    })
  }

  return { value: visit(raw, []), sources, faults }
}

/** What stands between `${` and `}` in a text. */
export const referencesIn = (text: string): readonly string[] =>
  [...text.matchAll(pattern)].flatMap(([, name, closed]) => (name !== undefined && closed ? [name] : []))

const pattern = /\$\$\{|\$\{([^}]*)(\}?)/g

/** The words of a command may hold what nobody should see. */
const shown = (reference: string): string => reference.replace(/^(\$\{exec:\s*\S+)\s.*$/s, '$1 …}')

/** Data written as `{…}`, as opposed to an instance of a class (a live pool). */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

export type Reference = { readonly value: string } | { readonly fault: string }

function readReference(name: string, { env, baseDirectory, commands }: Sources): Reference {
  if (name.startsWith('exec:')) {
    return commands?.get(name.slice('exec:'.length)) ?? { fault: 'commands are not run here' }
  }
  if (name.startsWith('file:')) return contentOf(resolve(baseDirectory, name.slice('file:'.length)))
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return { fault: unreadable(`\${${name}}`) }
  const value = Object.hasOwn(env, name) ? env[name] : undefined
  if (value !== undefined) return { value }
  return {
    fault: `the environment variable ${name} is not set, and no .env beside the configuration sets it`,
  }
}

function contentOf(file: string): Reference {
  try {
    return { value: readFileSync(file, 'utf8').replaceAll(/^\uFEFF|(\r?\n)+$/g, '') }
  } catch (error) {
    return { fault: `cannot read the file of its value: ${messageOf(error)}` }
  }
}

function unreadable(reference: string): string {
  return `${reference} is neither \${NAME} nor \${file:PATH} nor \${exec:COMMAND}; write $\${ for a plain \${`
}
