/** The API key: asked for without showing it, tried at once, and kept in `.env` where nobody else reads. */
import { existsSync } from 'node:fs'
import { appendFile, chmod, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseEnv } from 'node:util'
import type { FoundProject } from '../check/project.ts'
import { messageOf } from '../errors.ts'
import type { Context } from './command.ts'

/** What a key has told, as far as there is one. */
export interface KnownKey {
  /** To be written into `.env`; undefined where it is set already, or comes later. */
  readonly apiKey?: string | undefined
  readonly region?: 'us' | 'eu' | undefined
  /** Media of the project's channels. */
  readonly media?: ReadonlySet<string> | undefined
}

/** Where the key is tried: what options have said. */
export interface KeyPlace {
  readonly region?: 'us' | 'eu' | undefined
  readonly baseUrl?: string | undefined
}

/** Takes the key that is set already, or asks until one is known to Iterable, or none is given. */
export async function askForKey(context: Context, place: KeyPlace): Promise<KnownKey> {
  const { terminal, signal, stdin, env, configPath } = context
  const present = env.ITERABLE_API_KEY || (await keyIn(join(dirname(configPath), '.env')))
  if (present) {
    const found = await tried(present, context, place)
    if (!('problem' in found)) return told(context, place, found)
    terminal.warn(`  the key that is set already cannot be used: ${found.problem}`)
    return {}
  }
  // Loaded only where somebody is asked.
  const { password } = await import('@inquirer/prompts')
  for (;;) {
    const given = await password(
      {
        message: 'Server-side API key, for .env (empty: later)',
        mask: '*',
        validate: (text) =>
          /^[\x21-\x7e]*$/.test(text.trim()) || 'A key has visible ASCII characters only: paste it once more',
      },
      { input: stdin, output: terminal.noteStream, signal },
    )
    const apiKey = given.trim()
    if (apiKey === '') return {}
    const found = await tried(apiKey, context, place)
    if (!('problem' in found)) return { ...told(context, place, found), apiKey }
    terminal.warn(`  ${found.problem}. Enter another key, or nothing to go on without`)
  }
}

/** Adds variables that are missing to a `.env` that only its owner can read; false where nothing was missing. */
export async function completeEnv(path: string, variables: ReadonlyMap<string, string>): Promise<boolean> {
  const before = existsSync(path) ? await readFile(path, 'utf8') : ''
  const present = variablesOf(before)
  const lines = [...variables]
    // What stands last counts: a name that is there without a value (a copy of .env.example) gets one below.
    .filter(([name]) => !present[name])
    .map(([name, value]) => `${name}=${/^[\w./:@+-]*$/.test(value) ? value : `'${value}'`}\n`)
  if (lines.length === 0) return false
  if (before === '') await writeFile(path, lines.join(''), { mode: 0o600 })
  else await appendFile(path, `${before.endsWith('\n') ? '' : '\n'}${lines.join('')}`)
  // One that was there may be open to all.
  await chmod(path, 0o600)
  return true
}

function told(
  { terminal }: Context,
  { baseUrl }: KeyPlace,
  found: Extract<FoundProject, { region: string }>,
): KnownKey {
  const where = baseUrl ? new URL(baseUrl).host : `the ${found.region} data centre`
  terminal.warn(`  the key is known in ${where}`)
  // A host of one's own says nothing about regions.
  return { media: found.media, ...(!baseUrl && { region: found.region }) }
}

async function tried(
  apiKey: string,
  { terminal, signal, env }: Context,
  place: KeyPlace,
): Promise<FoundProject> {
  terminal.hide([apiKey])
  const { bothRegions, findProject } = await import('../check/project.ts')
  const { createClient } = await import('../iterable/client.ts')
  const one = place.region ?? (place.baseUrl ? 'us' : undefined)
  try {
    return await findProject({
      clientFor: (region) =>
        createClient({ api_key: apiKey, region, base_url: place.baseUrl }, { proxyEnv: env }),
      regions: one ? [one] : bothRegions,
      signal,
    })
  } catch (error) {
    if (signal.aborted) throw error
    return { problem: messageOf(error) }
  }
}

async function keyIn(path: string): Promise<string | undefined> {
  return existsSync(path) ? variablesOf(await readFile(path, 'utf8')).ITERABLE_API_KEY : undefined
}

/** As the configuration reads them. */
const variablesOf = (text: string): NodeJS.Dict<string> => parseEnv(text.replace(/^\uFEFF/, ''))
