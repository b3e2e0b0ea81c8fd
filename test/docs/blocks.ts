/** The fenced blocks of the documentation, with what a comment above a block says of how it is tested. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, sep } from 'node:path'

export const root = join(import.meta.dirname, '../..')

export interface Block {
  readonly page: string
  /** Of its opening fence. */
  readonly line: number
  readonly language: string
  readonly text: string
  readonly how: How
}

/**
 * `<!-- test: … -->` on the line above a fence, its parts separated by `;`:
 *
 * - `not run: WHY` – nothing runs it; its syntax is checked as far as the machine can
 * - `in test/x.test.ts` – that test reads the page and runs the block
 * - `postgres`, `duckdb` – for one warehouse only
 * - `exits N` – what its last command ends with
 * - `export NAME` – a saved export, whose plan is made
 * - `file PATH` – a file that later blocks of the page need
 * - `writes` – statements for a client of the database, not for `sql`
 * - `held` – the last command meets a brake that holds the export `vip`
 * - `dbt` – a model: its sources are tables
 */
export interface How {
  readonly notRun?: string
  readonly elsewhere?: string
  readonly kind?: 'duckdb' | 'postgres'
  readonly exits?: number
  readonly export?: string
  readonly file?: string
  readonly writes?: boolean
  readonly held?: boolean
  readonly dbt?: boolean
}

/** README.md and everything below docs, in the order of their names. */
export function readPages(): ReadonlyMap<string, string> {
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => posix.join('docs', ...name.split(sep)))
    .sort()
  return new Map(['README.md', ...docs].map((page) => [page, readFileSync(join(root, page), 'utf8')]))
}

export function blocksOf(page: string, markdown: string): Block[] {
  const blocks: Block[] = []
  const lines = markdown.split('\n')
  for (let at = 0; at < lines.length; at += 1) {
    const fence = /^( *)```(\S*)/.exec(lines[at] ?? '')
    if (!fence) continue
    const [, indent = '', language = ''] = fence
    const end = lines.indexOf(`${indent}\`\`\``, at + 1)
    if (end < 0) throw new Error(`${page}:${at + 1} opens a block that nothing closes`)
    const text = lines
      .slice(at + 1, end)
      .map((line) => line.slice(indent.length))
      .join('\n')
    const comment = /^ *<!-- test: (.*) -->$/.exec(lines[at - 1] ?? '')?.[1]
    blocks.push({ page, line: at + 1, language, text, how: howOf(comment, `${page}:${at}`) })
    at = end
  }
  return blocks
}

function howOf(comment: string | undefined, place: string): How {
  const how: Record<string, unknown> = {}
  for (const part of comment?.split(';').map((text) => text.trim()) ?? []) {
    const [, word = '', rest = ''] = /^(not run:|[a-z]+) ?(.*)$/.exec(part) ?? []
    switch (word) {
      case 'not run:':
        how.notRun = rest
        break
      case 'in':
        how.elsewhere = rest
        break
      case 'postgres':
      case 'duckdb':
        how.kind = word
        break
      case 'exits':
        how.exits = Number(rest)
        break
      case 'writes':
      case 'held':
      case 'dbt':
        how[word] = true
        break
      case 'export':
      case 'file':
        how[word] = rest
        break
      default:
        throw new Error(`${place}: nobody knows how to test "${part}"`)
    }
  }
  return how
}
