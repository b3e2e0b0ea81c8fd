import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'

/**
 * What somebody who waits for `npm test` does without: the same behaviours where machines die, disks run full and memory is
 * short, in lakes and clouds, behind poolers, in browsers and packages. `npm run test:all`, and so `.ci/run`, looks at it.
 */
const thorough = [
  'test/docs/blocks.test.ts',
  'test/export/kill.test.ts',
  'test/package.test.ts',
  'test/schedule/fleet.test.ts',
  'test/sync/crash.test.ts',
  'test/sync/many.test.ts',
  'test/ui/browser.test.ts',
  'test/ui/report-file.test.ts',
  'test/warehouse/disk.test.ts',
  'test/warehouse/lake-*.test.ts',
  'test/warehouse/memory.test.ts',
  'test/warehouse/postgres-pooler.test.ts',
]

export default defineConfig(({ mode }) => ({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: mode === 'usual' ? [...configDefaults.exclude, ...thorough] : configDefaults.exclude,
    env: { TEST_SCOPE: mode === 'usual' ? 'usual' : 'all' },
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
}))
