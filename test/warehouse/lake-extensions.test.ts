/** DuckDB checks the signature of an extension once a process; what took its place since then is checked again. */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { makeInstance } from '../../src/engine/engine.ts'
import { Extensions } from '../../src/warehouse/ducklake/extensions.ts'
import { lakeExtensions } from '../support/lake.ts'

const name = 'httpfs'

/** Loads the extension in an instance of its own. */
async function load(extensions: Extensions, trustsExtensions: boolean): Promise<void> {
  const instance = await makeInstance({ directory: '', memoryLimit: '100MB', threads: 1, trustsExtensions })
  const connection = await instance.connect()
  try {
    await extensions.load(connection)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** The extension in a folder of its own, and where its file is. */
async function copied(): Promise<{ directory: string; file: string } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'elt-extensions-'))
  const found = (await readdir(lakeExtensions, { recursive: true })).find((path) => path.includes(name))
  const file = join(directory, found as string)
  await mkdir(dirname(file), { recursive: true })
  await copyFile(join(lakeExtensions, found as string), file)
  return {
    directory,
    file,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

test.runIf(lakeExtensions)('a file that was checked need not be checked again', async () => {
  await using copy = await copied()
  const extensions = new Extensions([name], copy.directory)
  expect(await extensions.areChecked()).toBe(false)
  await load(extensions, false)
  expect(await extensions.areChecked()).toBe(true)
  expect(await new Extensions([name, 'another'], copy.directory).areChecked()).toBe(false)
  await load(extensions, true)
})

test.runIf(lakeExtensions)('what took its place is checked, and refused', async () => {
  await using copy = await copied()
  const extensions = new Extensions([name], copy.directory)
  await load(extensions, false)
  const bytes = await readFile(copy.file)
  bytes[1_000_000] = (bytes[1_000_000] ?? 0) ^ 1
  await writeFile(`${copy.file}.new`, bytes)
  await rename(`${copy.file}.new`, copy.file)
  expect(await extensions.areChecked()).toBe(false)
  await expect(load(extensions, false)).rejects.toMatchObject({ code: 'extension_missing' })
  expect(await extensions.areChecked()).toBe(false)
})

test.runIf(lakeExtensions)('what was loaded without a check does not count as checked', async () => {
  await using copy = await copied()
  const extensions = new Extensions([name], copy.directory)
  await load(extensions, true)
  expect(await extensions.areChecked()).toBe(false)
})
