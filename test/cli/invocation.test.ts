import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { expect, test } from 'vitest'
import { invocationOf } from '../../src/cli/invocation.ts'

test.each([
  ['a clone', '/c/dist/cli/main.js', {}, 'node dist/cli/main.js'],
  ['a clone, by npm run', '/c/dist/cli/main.js', { npm_command: 'run-script' }, 'node dist/cli/main.js'],
  ['npx', '/n/_npx/1/node_modules/.bin/iterable-elt', { npm_command: 'exec' }, 'npx iterable-elt'],
  ['a dependency', '/c/node_modules/.bin/iterable-elt', {}, './node_modules/.bin/iterable-elt'],
  ['the sources', '/c/src/cli/main.ts', {}, 'npm run dev --'],
  ['nothing that is known', undefined, {}, 'npx iterable-elt'],
])('a program started from %s is called so again', (_from, script, env, expected) => {
  expect(invocationOf({ script, env: { PATH: '/nowhere', ...env }, cwd: '/c' })).toBe(expected)
})

test('a program on the PATH is called by its name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'elt-path-'))
  await writeFile(join(folder, 'iterable-elt'), '')
  const env = { PATH: ['/nowhere', folder].join(delimiter) }
  expect(invocationOf({ script: '/c/dist/cli/main.js', env, cwd: '/c' })).toBe('iterable-elt')
  await rm(folder, { recursive: true })
})
