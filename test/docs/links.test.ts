/** Links of the documentation lead somewhere: in the repository, and in the package. */
import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { expect, test } from 'vitest'
import { errorCodes } from '../../src/error-codes.ts'
import { readPages, root } from './blocks.ts'

const pages = readPages()
const packed: readonly string[] = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).files

const linksOf = (text: string): string[] =>
  [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
const places = [...pages].flatMap(([page, text]) =>
  linksOf(text).map((link) => {
    const [path = '', anchor] = link.split('#')
    return { page, link, anchor, target: path === '' ? page : posix.join(posix.dirname(page), path) }
  }),
)

test('links lead to files that are in the package, and to places within them', () => {
  const broken = places.filter(({ target, anchor }) => {
    if (!existsSync(join(root, target)) || !isPacked(target)) return true
    return anchor !== undefined && !anchorsOf(readFileSync(join(root, target), 'utf8')).includes(anchor)
  })
  expect(broken).toEqual([])
  expect(places.length).toBeGreaterThan(100)
})

test('pages of docs link to docs only, so that a site can be built of that folder', () => {
  expect(places.filter(({ page, target }) => page !== 'README.md' && !target.startsWith('docs/'))).toEqual([])
})

test('each page begins with its one title', () => {
  const odd = [...pages].filter(
    ([, text]) => !text.startsWith('# ') || withoutCode(text).match(/^# /gm)?.length !== 1,
  )
  expect(odd.map(([page]) => page)).toEqual([])
})

test('every page can be found from the index', () => {
  const index = pages.get('docs/index.md') ?? ''
  const beyond = [...pages.keys()].filter(
    (page) => /^docs\/[^/]+\.md$/.test(page) && page !== 'docs/index.md',
  )
  expect(beyond.filter((page) => !index.includes(`(${page.slice('docs/'.length)})`))).toEqual([])
})

test('every error code has a place', () => {
  const anchors = anchorsOf(pages.get('docs/errors.md') ?? '')
  expect(Object.keys(errorCodes).filter((code) => !anchors.includes(code))).toEqual([])
})

function isPacked(path: string): boolean {
  return (
    path === 'README.md' ||
    path === 'LICENSE' ||
    packed.some((entry) => path === entry || path.startsWith(`${entry}/`))
  )
}

/** Of headings, as GitHub makes them, and those that are written out. */
function anchorsOf(text: string): string[] {
  const plain = withoutCode(text)
  const headings = [...plain.matchAll(/^#{1,6} (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  )
  return [...headings, ...[...plain.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)]
}

function withoutCode(text: string): string {
  return text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '')
}
