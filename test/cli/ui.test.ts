import { expect, test } from 'vitest'
import { passwordHash } from '../../src/config/password-hash.ts'
import { open } from '../../src/index.ts'
import { isPassword } from '../../src/ui/passwords.ts'
import { eachWarehouse } from '../support/warehouse.ts'
import { configFor, printed, run, runJson, start, temporaryFolder, writeConfig } from './run.ts'

const nobody = { url: 'http://127.0.0.1:1', keys: { server: 'k' } }

eachWarehouse(
  'ui serves the page until it is stopped, and worker --ui-port beside its work',
  async (warehouse) => {
    const { config, tempDir } = warehouse
    await writeConfig(tempDir, configFor(nobody, config))
    const env = { ITERABLE_ELT_CONFIG: `${tempDir}/config.json` }
    for (const args of [
      ['ui', '--port', '0'],
      ['worker', '--ui-port', '0'],
    ]) {
      const { child, ended } = start(args, { cwd: tempDir, env })
      const said = Promise.race([
        printed(child.stdout, /Ctrl-C/),
        printed(child.stderr, /page is at \S+/),
        ended.then(({ stderr }) => stderr),
      ])
      const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(await said)?.[0]
      expect(url, `${args.join(' ')}: ${await said}`).toBeDefined()
      // What is not read within a moment comes in the next.
      const look = async () => (await fetch(`${url}schedules`)).text()
      await expect.poll(look).toContain('The coming seven days')
      child.kill('SIGTERM')
      expect(await ended).toMatchObject({ exitCode: 0 })
    }
  },
)

test('ui --hash prints what stands for a password', async () => {
  await using folder = await temporaryFolder()
  const { document } = await runJson(['ui', '--hash'], { cwd: folder.path, input: 'correct horse\n' })
  expect(document.password).toMatch(passwordHash)
  expect(await isPassword('correct horse', document.password)).toBe(true)
  expect(await isPassword('correct horses', document.password)).toBe(false)
  const short = await run(['ui', '--hash'], { cwd: folder.path, input: 'x' })
  expect(short).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('8 characters') })
})

test('ui --host refuses to open the page to everybody', async () => {
  await using folder = await temporaryFolder()
  await writeConfig(folder.path, configFor(nobody, { type: 'duckdb', path: 'x.duckdb' }))
  const { exitCode, stderr } = await run(['ui', '--host', '0.0.0.0', '--port', '0'], { cwd: folder.path })
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('ui.token') })
})

test('a plain password is no hash, and is told so without being shown', async () => {
  const users = { analyst: { password: 'swordfish' } }
  const opened = open({ warehouse: { type: 'duckdb', path: 'x.duckdb' }, ui: { users } })
  await expect(opened).rejects.toThrow('ui --hash')
  await expect(opened).rejects.not.toThrow('swordfish')
})
