/** Every block of the documentation does what it says: commands are run, queries are asked, settings are read. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Block, blocksOf, readPages, root } from './blocks.ts'
import { checkSyntax, tryBlock, unknownWords } from './check-block.ts'
import { commandsOf, plainCommand } from './shell.ts'
import { openWorld, type World } from './world.ts'

/** A page is many commands, and the machine may be busy. */
const minutes = 300_000
const pages = readPages()
const blocks = [...pages].flatMap(([page, text]) => blocksOf(page, text))
/** Samples of what is printed, and pictures. */
const isSample = ({ language, how }: Block) => language === 'text' && !how.file && !how.notRun
const isRun = (block: Block) => !isSample(block) && !block.how.notRun && !block.how.elsewhere
/** What a command does, behind what calls it. */
const isName = (word: string) => !['npm', 'run', 'iterable-elt'].includes(word)
const placeOf = ({ page, line }: Block) => `${page}:${line}`

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world?.[Symbol.asyncDispose]())

describe('the blocks that are run', () => {
  const ran = [...pages.keys()].filter((page) => blocks.some((block) => block.page === page && isRun(block)))
  test.each(ran)(
    '%s',
    async (page) => {
      if (pages.get(page)?.includes(' vip')) await world.projects[0]?.reset()
      for (const block of blocks.filter((block) => block.page === page && isRun(block))) {
        expect.soft(await tryBlock(block, world), placeOf(block)).toEqual([])
      }
    },
    minutes,
  )
})

test('the blocks that are not run are these, and their syntax is right', async () => {
  const notRun = blocks.filter(({ how }) => how.notRun)
  expect(notRun.map(({ page, how }) => `${page}: ${how.notRun}`)).toEqual([
    'docs/backup.md: needs pg_dump and pg_restore',
    'docs/backup.md: needs pg_dump and a bucket',
    'docs/citus.md: needs pg_duckdb',
    'docs/citus.md: needs Citus',
    'docs/dbt-and-bi.md: dbt is installed by a step of .ci/run alone',
    'docs/deploying.md: needs systemd',
    'docs/deploying.md: needs a container engine',
    'docs/deploying.md: needs a container engine',
    'docs/deploying.md: needs a cluster',
    'docs/deploying.md: needs a cluster',
    'docs/deploying.md: a crontab',
    ...Array(2).fill('docs/ducklake.md: needs a lake that stands somewhere'),
    'docs/first-project.md: installs a package',
    'docs/mcp.md: it serves until it is stopped',
  ])
  for (const block of notRun) {
    expect.soft(await checkSyntax(block, world.projects[0]!), placeOf(block)).toEqual([])
  }
})

test('the blocks that another test runs are known to it', () => {
  for (const block of blocks.filter(({ how }) => how.elsewhere)) {
    const path = join(root, block.how.elsewhere as string)
    const source = existsSync(path) ? readFileSync(path, 'utf8') : ''
    const commands = commandsOf(block.text).map((line) => `'${plainCommand(line)?.words.find(isName)}'`)
    const known = block.language === 'sh' ? commands : [block.page.split('/').at(-1)]
    for (const name of known)
      expect.soft(source.includes(name as string), `${placeOf(block)}: ${name}`).toBe(true)
  }
})

test('commands within sentences exist, with their options', async () => {
  const seen = new Set<string>()
  for (const [page, text] of pages) {
    for (const [, command = ''] of text
      .replaceAll(/```[\s\S]*?```/g, '')
      .matchAll(/`iterable-elt ([^`]+)`/g)) {
      if (seen.has(command)) continue
      seen.add(command)
      expect
        .soft(await unknownWords(command.split(/\s+/), world.projects[0]!), `${page}: ${command}`)
        .toEqual([])
    }
  }
  expect(seen.size).toBeGreaterThan(10)
})
