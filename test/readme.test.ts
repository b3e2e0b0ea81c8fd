import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { renderedDocuments } from '../.ci/readme.ts'

const read = (path: string) => readFile(new URL(`../${path}`, import.meta.url), 'utf8')

test('the generated references are those of the code (npm run readme writes them)', async () => {
  const documents = await renderedDocuments()
  expect([...documents.keys()]).toContain('docs/errors.md')
  for (const [path, text] of documents) expect(await read(path), path).toBe(text)
})
