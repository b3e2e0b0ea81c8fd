import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // What happens beside a test comes later on a machine under load.
    expect: { poll: { timeout: 30_000 } },
    pool: 'forks',
    // Files of one worker share what they have loaded.
    isolate: false,
    // Many tests wait for processes and timers: more of them than a small machine has cores. They share one Postgres.
    maxWorkers: Math.min(Math.max(availableParallelism(), 3), 8),
  },
})
