// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${exec:…} is how a configuration refers to a command
/** Secrets that a command prints: run once, never kept, never told. */
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommands } from '../../src/config/commands.ts'
import { loadConfig } from '../../src/config/load.ts'
import { type ConfigInput, open } from '../../src/index.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { configFor, run, temporaryFolder, writeConfig } from '../cli/run.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let sandbox: Sandbox
beforeAll(async () => {
  folder = await temporaryFolder()
  sandbox = await startSandbox({ rateLimits: 'off', users: 5, lists: 1, eventsPerDay: 5, days: 2 })
})
afterAll(async () => {
  await sandbox.close()
  await folder[Symbol.asyncDispose]()
})

const env = { PATH: process.env.PATH, VAULT: 'main' }
const warehouse = { type: 'duckdb', path: 'warehouse.duckdb' } as const

/** A password manager of this test, in the folder of the configuration. */
async function writeCommand(name: string, body: string): Promise<string> {
  await writeFile(join(folder.path, name), `#!/bin/sh\n${body}\n`)
  await chmod(join(folder.path, name), 0o755)
  return `./${name}`
}

async function loadedKey(reference: string): Promise<string | undefined> {
  await writeConfig(folder.path, { warehouse, connections: { shop: { api_key: reference } } })
  const { config } = await loadConfig(join(folder.path, 'config.json'), { env })
  return config.connections.shop?.api_key
}

test('a command prints the value, with quotes and the environment, without the line break at its end', async () => {
  const pass = await writeCommand('pass', 'printf \'%s|\' "$@" "$VAULT"; echo; echo')
  expect(await loadedKey(`\${exec:${pass} show 'iterable/api;key' a"b"}`)).toBe(
    'show|iterable/api;key|ab|main|',
  )
  expect(await loadedKey(`prefix-\${exec:${pass}}`)).toBe('prefix-main|')
})

test('a command that several values name is run once; one that a $ keeps is not run', async () => {
  const once = await writeCommand('once', 'echo run >> runs.txt; echo key')
  const key = `\${exec:${once}}`
  const config = { shop: { api_key: key }, blog: { api_key: key }, note: `$${key}` }
  expect(await runCommands(config, { env, baseDirectory: folder.path })).toEqual(
    new Map([[once, { value: 'key' }]]),
  )
  await runCommands({ note: `$${key}` }, { env, baseDirectory: folder.path })
  expect(await readFile(join(folder.path, 'runs.txt'), 'utf8')).toBe('run\n')
})

test.each([
  [
    'echo s3cret-word; echo s3cret-word >&2; exit 7',
    /"\.\/op" that prints its value has failed with exit code 7; run it by hand/,
  ],
  ['echo s3cret-word; kill -TERM $$', /was ended by SIGTERM/],
  ['true', /has printed nothing/],
  ['exec yes s3cret-word', /prints more than 64 kB/],
])('%s is told without what was printed', async (body, told) => {
  const op = await writeCommand('op', body)
  const failure = await loadedKey(`\${exec:${op} read s3cret-word}`).catch((error: Error) => error)
  expect(failure).toMatchObject({ name: 'ConfigError', message: expect.stringMatching(told) })
  expect((failure as Error).message).toMatch(/^config\.json has a fault:\nconnections\.shop\.api_key: /)
  expect((failure as Error).message).not.toContain('s3cret')
})

test('a value that does not fit is told by its command only', async () => {
  const op = await writeCommand('op', 'echo s3cret-word')
  const config = { warehouse: { type: 'postgres', url: `\${exec:${op} s3cret-word}` } } as ConfigInput
  const failure = await open(config, { baseDirectory: folder.path, env }).catch((error: Error) => error)
  expect((failure as Error).message).toMatch(
    /warehouse\.url: expected an address .*met the value of \$\{exec:\.\/op …\}$/,
  )
  expect((failure as Error).message).not.toContain('s3cret')
})

test('a command that does not exist, or names nothing, is told', async () => {
  await expect(loadedKey('${exec:/no/such/thing s3cret}')).rejects.toThrow(
    /"\/no\/such\/thing" .* cannot be run \(ENOENT\)$/,
  )
  await expect(loadedKey('${exec: }')).rejects.toThrow(/names no command/)
})

test('a command has a time limit, also where a child of its own holds on', async () => {
  const slow = await writeCommand('slow', 'sleep 20 & echo s3cret-word; wait')
  const began = performance.now()
  const answers = await runCommands(`\${exec:${slow}}`, { env, baseDirectory: folder.path, timeoutMs: 300 })
  expect(performance.now() - began).toBeLessThan(15_000)
  expect(answers.get(slow)).toEqual({ fault: expect.stringMatching(/has not ended within 0\.3 seconds/) })
})

test('what a command printed stands in no file, table or output', async () => {
  const { server } = sandbox.keys
  await using elsewhere = await temporaryFolder()
  await writeFile(join(elsewhere.path, 'key'), server)
  const config = configFor(sandbox, warehouse, { key: `\${exec:cat ${elsewhere.path}/key}` })
  await writeConfig(folder.path, config)
  const synced = await run(['sync', 'channels', '--log-level', 'trace'], {
    cwd: folder.path,
    env: { PATH: String(env.PATH) },
  })
  expect(synced).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/succeeded/) })
  expect(synced.stdout + synced.stderr).not.toContain(server)
  const files = await readdir(folder.path, { recursive: true, withFileTypes: true })
  const contents = await Promise.all(
    files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name))),
  )
  expect(contents.length).toBeGreaterThan(2)
  expect(contents.filter((content) => content.includes(server))).toEqual([])
})
