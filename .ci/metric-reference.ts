/** docs/metrics.md: what a worker serves at /metrics, read from it. */
import { serveHealth } from '../src/schedule/health.ts'

export async function metricReference(): Promise<string> {
  const metrics = (await servedMetrics()).filter(({ name }) => name.startsWith('iterable_elt_'))
  return [
    '# Metrics',
    '',
    'Generated from what a worker serves by `npm run readme`. `iterable-elt worker --health-port 9464` serves two addresses, for its own',
    'machine unless `--health-host` says otherwise (metrics name jobs):',
    '',
    '- `/healthz`: 200 while the worker looks for work, 503 when it has not for a minute;',
    '- `/metrics`: these, and those of the process (`process_*`, `nodejs_*`), as Prometheus reads them.',
    '',
    '| metric | type | labels | meaning |',
    '|---|---|---|---|',
    ...metrics.map(
      ({ name, type, labels, help }) =>
        `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
    ),
    '',
    '`job` is `sync` or `export:NAME`; `state` is a state of a run ([sync-tables.md](sync-tables.md)), or `again` (put back, and gone on with',
    'later), `locked` (another process works on the job) or `lost` (another worker has taken the run over). They count what this worker',
    'does, and begin at 0 with it; what all workers did is in `iterable_sync.runs`.',
    '',
  ].join('\n')
}

interface Metric {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly labels: readonly string[]
}

async function servedMetrics(): Promise<Metric[]> {
  await using health = await serveHealth(0, { pollMs: 1000 })
  // A metric shows its labels when it has a value.
  health.hear({ type: 'looked', atWork: 0, tookMs: 0 })
  health.hear({ type: 'ended', job: 'sync', runId: '', state: 'succeeded', tookMs: 1, error: null } as never)
  const text = await (await fetch(`http://127.0.0.1:${health.port}/metrics`)).text()
  return [...text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)\n/gm)].map(
    ([, name = '', help = '', type = '']) => {
      const labels = new RegExp(`^${name}(?:_bucket)?\\{(.*?)\\}`, 'm').exec(text)?.[1] ?? ''
      const names = [...labels.matchAll(/(\w+)="/g)]
        .map(([, label = '']) => label)
        .filter((label) => label !== 'le')
      return { name, help, type, labels: names }
    },
  )
}
