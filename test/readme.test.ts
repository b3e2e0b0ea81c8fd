import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { renderedReadme } from '../.ci/readme.ts'

test('the references in the README are those of the code (npm run readme writes them)', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  expect(readme).toContain('<!-- tables -->')
  expect(readme).toContain('<!-- configuration -->')
  expect(await renderedReadme()).toBe(readme)
})
