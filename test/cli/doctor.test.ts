/** What goes into the report of a fault, and what never does. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { run, runJson, start, temporaryFolder } from './run.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  folder = await temporaryFolder()
})
afterAll(() => folder[Symbol.asyncDispose]())

const secrets = [
  'key-0123456789abcdef',
  'pass-word-123',
  'hook-secret-42',
  'T000/B000/longwebhookpath',
  'crm.example.com',
]
const config = {
  warehouse: { type: 'postgres', url: `\${DATABASE_URL}` },
  connections: {
    shop: { api_key: 'key-0123456789abcdef', region: 'eu', base_url: 'https://crm.example.com/api' },
  },
  notifications: {
    webhook: { url: 'https://hooks.slack.com/services/T000/B000/longwebhookpath', secret: 'hook-secret-42' },
  },
}
const env = {
  DATABASE_URL: 'postgres://elt:pass-word-123@db/warehouse',
  HTTPS_PROXY: 'http://me:pass-word-123@proxy',
}
const write = (text: string) => writeFile(join(folder.path, 'config.json'), text)

test('doctor tells versions, machine, limits and settings, and no secret', async () => {
  await write(JSON.stringify(config))
  const { document, stdout, exitCode } = await runJson(['doctor'], { cwd: folder.path, env })
  expect(exitCode).toBe(0)
  expect(document).toMatchObject({
    versions: { node: process.versions.node, duckdb: expect.stringMatching(/^\d+\.\d+\.\d+$/) },
    machine: {
      platform: { system: process.platform, architecture: process.arch },
      environment: ['DATABASE_URL', 'HTTPS_PROXY', 'ITERABLE_ELT_CONFIG'],
    },
    disks: [{ for: 'downloads' }],
    configuration: {
      state: 'valid',
      error: null,
      summary: {
        warehouse: 'postgres',
        connections: [{ region: 'eu', project_type: 'email', has_base_url: true, rate_limits: [] }],
        streams: ['core'],
        notifications: ['webhook'],
        ui_sign_in: false,
      },
    },
    findings: [],
  })
  expect(document.machine.memory.total_bytes).toBeGreaterThan(1e8)
  expect(document.machine.limits.open_files).toBeGreaterThan(0)
  expect(document.disks[0].free_bytes).toBeGreaterThan(0)
  const people = await run(['doctor'], { cwd: folder.path, env })
  expect(people.stdout).toMatch(
    /^iterable-elt +\d.*\nengine +DuckDB [\s\S]* streams +\["core"\]\n[\s\S]*iterable-elt check/,
  )
  for (const secret of secrets) expect(stdout + people.stdout + people.stderr).not.toContain(secret)
})

test.each([
  ['is missing', undefined, /there is no configuration at/],
  ['is not JSON', '{ "warehouse": ', /is not JSON: line 1/],
  [
    'has faults',
    JSON.stringify({ ...config, scema: 'x', connections: { shop: { api_key: 'key-0123456789abcdef é' } } }),
    /api_key: expected[\s\S]*scema: unknown key/,
  ],
  [
    'lacks a secret',
    JSON.stringify({ ...config, connections: { shop: { api_key: `\${file:none.txt}` } } }),
    /cannot read the file/,
  ],
])('doctor works where the configuration %s', async (_, text, error) => {
  await using empty = await temporaryFolder()
  if (text !== undefined) await writeFile(join(empty.path, 'config.json'), text)
  const { document, exitCode, stdout } = await runJson(['doctor'], { cwd: empty.path, env })
  expect(exitCode).toBe(0)
  expect(document.configuration).toMatchObject({
    state: 'faulty',
    error: expect.stringMatching(error),
    summary: null,
  })
  expect(document.findings).toEqual(['the configuration cannot be used: see its error'])
  for (const secret of secrets) expect(stdout).not.toContain(secret)
})

test('the folder of the person at home is not told', async () => {
  await write(JSON.stringify(config))
  // A process of its own: its home is the folder of the test.
  const { stdout, exitCode } = await start(['doctor', '--json', '--config', 'config.json'], {
    cwd: folder.path,
    env,
  }).ended
  expect(exitCode).toBe(0)
  expect(stdout).not.toContain(folder.path)
  expect(JSON.parse(stdout).configuration.path).toBe('~/config.json')
})
