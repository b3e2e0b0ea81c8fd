/** The form of a DuckDB file: the one that we make, the one of DuckDB 2.0, which DuckDB 1.5 does not open, and what is none. */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { open } from '../../src/index.ts'
import { createTestWarehouse } from '../support/warehouse.ts'

/** The storage version with which DuckDB 2.0 makes files. */
const newerVersion = 69
const headerBytes = 4096

test('a file in the storage format of DuckDB 2.0 is refused, and left as it is', async () => {
  await using warehouse = await createTestWarehouse('duckdb')
  if (warehouse.config.type !== 'duckdb') return
  const { path } = warehouse.config
  const use = async () => {
    await using elt = await open({ warehouse: { type: 'duckdb', path } })
    await elt.warehouse.use(async () => {})
  }
  await use()
  const file = await readFile(path)
  expect(file.readBigUInt64LE(0), 'how checksums are made').toBe(checksumOf(file.subarray(8, headerBytes)))
  file.writeBigUInt64LE(BigInt(newerVersion), 12)
  file.writeBigUInt64LE(checksumOf(file.subarray(8, headerBytes)), 0)
  await writeFile(path, file)
  await expect(use()).rejects.toMatchObject({
    code: 'newer_warehouse',
    message: expect.stringMatching(
      /written by a newer version of DuckDB.*docs\/troubleshooting\.md#duckdb-2/,
    ),
  })
  expect(hashOf(await readFile(path))).toBe(hashOf(file))
})

test('a new file has the form of DuckDB 1.2, and keeps it', async () => {
  await using warehouse = await createTestWarehouse('duckdb')
  const form = async () => {
    const [database] = await warehouse.query(
      `select tags['storage_version'] as version from duckdb_databases() where not internal`,
    )
    return database?.version
  }
  await using elt = await open({ warehouse: warehouse.config })
  await elt.warehouse.use(async () => {})
  expect(await form()).toBe('v1.2.0+')
  await elt.warehouse.upkeep.scrub([])
  expect(await form(), 'written anew').toBe('v1.2.0+')
})

/** As DuckDB makes it of the blocks that it writes. */
function checksumOf(block: Buffer): bigint {
  let checksum = 5381n
  for (let at = 0; at < block.length; at += 8) {
    checksum ^= BigInt.asUintN(64, block.readBigUInt64LE(at) * 0xbf58476d1ce4e5b9n)
  }
  return checksum
}

const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

test('a file of another program is refused as what it is', async () => {
  await using warehouse = await createTestWarehouse('duckdb')
  if (warehouse.config.type !== 'duckdb') return
  const { path } = warehouse.config
  for (const begin of ['SQLite format 3\0', 'name;value\n']) {
    await writeFile(path, begin.padEnd(headerBytes, begin.endsWith('\0') ? '\0' : ' '))
    await using elt = await open({ warehouse: { type: 'duckdb', path } })
    await expect(elt.warehouse.use(async () => {})).rejects.toMatchObject({
      code: 'not_a_warehouse',
      message: expect.stringContaining('exists but is not a DuckDB database'),
    })
  }
})
