/** Places that a person names for files, and ports: what cannot be is wrong usage, and says which. */
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { run, runJson, temporaryFolder, writeConfig } from './run.ts'

const config = { warehouse: { type: 'duckdb', path: 'warehouse.duckdb' } } as const

test('a place that cannot be written is named, with a way out', async () => {
  await using folder = await temporaryFolder()
  const cwd = folder.path
  await writeConfig(cwd, config)
  await writeFile(join(cwd, 'result.json'), '{ "type": "iterable", "action": "add", "list_id": "1" }')
  // Makes the warehouse.
  await run(['exports'], { cwd })
  const inFile = join(cwd, 'config.json/within')
  for (const args of [
    ['init', '--config', join(inFile, 'config.json')],
    ['import-td', join(cwd, 'result.json'), '--directory', inFile],
    ['demo', '--directory', inFile],
    ['snapshot', join(inFile, 'copy.duckdb')],
    ['snapshot', '--parquet', inFile],
    ['snapshot', '/proc/copy.duckdb'],
  ]) {
    const { exitCode, document } = await runJson(args, { cwd })
    expect.soft({ args, exitCode, error: document.error }).toEqual({
      args,
      exitCode: 2,
      error: {
        code: 'usage',
        message: expect.stringMatching(
          /(config\.json|\/proc).* \((EEXIST|ENOTDIR|ENOENT)\); name a file or folder/,
        ),
      },
    })
  }
})

test('a port that is taken is wrong usage of every command that listens', async () => {
  await using folder = await temporaryFolder()
  const cwd = folder.path
  await writeConfig(cwd, config)
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const port = String((other.address() as AddressInfo).port)
  for (const args of [
    ['sandbox', '--port', port],
    ['ui', '--port', port],
    ['worker', '--ui-port', port],
    ['worker', '--health-port', port],
    ['mcp', '--http', '--port', port],
  ]) {
    const { exitCode, document } = await runJson(args, { cwd })
    expect.soft({ args, exitCode, code: document.error.code }).toEqual({ args, exitCode: 2, code: 'port' })
  }
  other.close()
})
