import { expect, test } from 'vitest'
import { serveHealth } from '../../src/schedule/health.ts'

/** Another address of this machine: all of 127.0.0.0/8 is, on Linux. */
const elsewhere = '127.0.0.2'

const answers = (host: string, port: number): Promise<boolean> =>
  fetch(`http://${host}:${port}/healthz`).then(
    ({ ok }) => ok,
    () => false,
  )

test('health is served on loopback only, unless another address is asked for', async () => {
  await using usual = await serveHealth(0, { pollMs: 1_000 })
  expect(await answers('127.0.0.1', usual.port)).toBe(true)
  expect(await answers(elsewhere, usual.port)).toBe(false)
  await using everywhere = await serveHealth(0, { pollMs: 1_000, host: '0.0.0.0' })
  expect(await answers(elsewhere, everywhere.port)).toBe(true)
  await expect(serveHealth(usual.port, { pollMs: 1_000 })).rejects.toMatchObject({
    code: 'port',
    message: expect.stringContaining('--health-host'),
  })
})
