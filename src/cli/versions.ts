/** What is at work here: the program, the engine inside of it, and what they run on. */
import { version } from '../package-files.ts'
import type { Terminal } from './terminal.ts'

/** Thrown where commander meets `--version`: telling it takes the engine, which is loaded only then. */
export class VersionsAsked extends Error {}

export interface Versions {
  readonly iterable_elt: string
  readonly duckdb: string
  readonly node: string
  readonly platform: string
}

export async function versions(): Promise<Versions> {
  const { engineVersion } = await import('../engine/version.ts')
  return {
    iterable_elt: version(),
    duckdb: engineVersion(),
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
  }
}

/** The first line is the version alone, for scripts. */
export async function sayVersions(terminal: Terminal): Promise<void> {
  const known = await versions()
  terminal.result(known, () => {
    terminal.say(known.iterable_elt)
    terminal.say(`DuckDB ${known.duckdb}, Node ${known.node}, ${known.platform}`)
  })
}
