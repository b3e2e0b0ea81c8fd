/** Alerts and the dashboard ask for nothing that a worker does not serve. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parser } from '@prometheus-io/lezer-promql'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { serveHealth } from '../src/schedule/health.ts'

const read = (name: string) => readFileSync(join(import.meta.dirname, '../docs/monitoring', name), 'utf8')

interface Panel {
  readonly id: number
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets: readonly { readonly expr: string }[]
}

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}

const rules: readonly Rule[] = parse(read('alerts.yml')).groups.flatMap(
  ({ rules }: { rules: Rule[] }) => rules,
)
const dashboard = JSON.parse(read('grafana.json'))
const panels: readonly Panel[] = dashboard.panels
const asked = [
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ...panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
]

/** What Prometheus adds by itself, and the labels that it gives everything. */
const ofPrometheus = ['up']
const added = ['instance', 'job']

/** The labels of each metric as a worker serves it. */
const served = new Map<string, Set<string>>()
/** Values that labels really have. */
const states = new Set<string>()

beforeAll(async () => {
  await using health = await serveHealth(0, { pollMs: 1_000 })
  const run = { job: 'sync', runId: 'r', error: null, tookMs: 1_000 }
  health.hear({ type: 'looked', atWork: 1, tookMs: 1 })
  health.hear({ type: 'failed', message: 'away' })
  health.hear({ type: 'begun', job: 'sync', runId: 'r', lateMs: 5, attempt: 1 })
  for (const state of ['succeeded', 'succeeded_with_rejects', 'failed', 'held'] as const)
    health.hear({ type: 'ended', ...run, state })
  const text = await (await fetch(`http://127.0.0.1:${health.port}/metrics`)).text()
  for (const [, name = '', labels = ''] of text.matchAll(/^([a-z_]\w*)(?:\{(.*)\})? /gm)) {
    const known = served.get(name) ?? new Set<string>()
    for (const [, label = '', value = ''] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      known.add(label)
      if (label === 'state' || label === 'result') states.add(value)
    }
    served.set(name, known)
  }
  expect(served.size).toBeGreaterThan(20)
})

test.each(asked)('%s asks for what is served: %s', (_, expr) => {
  // Grafana puts these in.
  const text = expr
    .replaceAll('$__rate_interval', '5m')
    .replaceAll('$instance', '.*')
    .replaceAll('$job', '.*')
  const { faults, metrics } = readPromql(text)
  expect(faults).toEqual([])
  expect(metrics.length).toBeGreaterThan(0)
  for (const { name, labels } of metrics) {
    if (ofPrometheus.includes(name)) continue
    expect([...served.keys()]).toContain(name)
    for (const { label, value } of labels) {
      expect([...(served.get(name) ?? []), ...added]).toContain(label)
      if (label === 'state' || label === 'result') expect([...states]).toContain(value)
    }
  }
})

describe('the reader of expressions', () => {
  test('sees faults, metrics and labels', () => {
    expect(readPromql('sum by (job) (rate(a_total{state="failed", x=~"y"}[5m])) / b')).toEqual({
      faults: [],
      metrics: [
        {
          name: 'a_total',
          labels: [
            { label: 'state', value: 'failed' },
            { label: 'x', value: 'y' },
          ],
        },
        { name: 'b', labels: [] },
      ],
    })
    expect(readPromql('sum by (job (a)').faults).not.toEqual([])
  })
})

test('alerts have a name of their own, a severity, and say what to do', () => {
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
  for (const { labels, annotations } of rules) {
    expect(labels.severity).toMatch(/^(critical|warning|info)$/)
    expect(annotations.description).toMatch(/\.$/)
    expect(annotations.summary).not.toBe('')
  }
})

test('labels of metrics keep their names: Prometheus is told so', () => {
  const [scrape] = parse(read('prometheus.yml')).scrape_configs
  expect(scrape).toMatchObject({ job_name: 'iterable-elt', honor_labels: true })
  expect(asked.filter(([, expr]) => expr.includes('exported_'))).toEqual([])
})

test('panels have a place of their own, and ask only variables that the dashboard has', () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) => {
    expect(x + w).toBeLessThanOrEqual(24)
    return Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`)
  })
  expect(new Set(cells).size).toBe(cells.length)
  const variables = new Set(dashboard.templating.list.map(({ name }: { name: string }) => name))
  for (const [, name] of read('grafana.json').matchAll(/\$\{?(?!__)(\w+)/g))
    expect([...variables]).toContain(name)
})

test('the reference names every metric and every span', () => {
  const page = read('README.md')
  const named = new Set([...page.matchAll(/`(iterable_elt[_.][a-z_]+)`/g)].map(([, name]) => name))
  const metrics = [...served.keys()].filter((name) => name.startsWith('iterable_elt_'))
  expect(
    metrics.map((name) => name.replace(/_(bucket|sum|count)$/, '')).filter((name) => !named.has(name)),
  ).toEqual([])
  const spans = [
    'sync/sync.ts',
    'sync/stream.ts',
    'sync/part-reader.ts',
    'sync/commit.ts',
    'export/run.ts',
    'export/send/send.ts',
  ].flatMap((file) => {
    const source = readFileSync(join(import.meta.dirname, '../src', file), 'utf8')
    return [...source.matchAll(/inSpan\('([\w.]+)'/g)].map(([, name]) => name)
  })
  expect(spans.length).toBeGreaterThan(4)
  expect(spans.filter((name) => !named.has(name))).toEqual([])
})

interface Metric {
  readonly name: string
  readonly labels: readonly { readonly label: string; readonly value: string }[]
}

/** By the grammar of Prometheus itself. */
function readPromql(text: string): {
  readonly faults: readonly string[]
  readonly metrics: readonly Metric[]
} {
  const faults: string[] = []
  const metrics: { name: string; labels: { label: string; value: string }[] }[] = []
  parser.parse(text).iterate({
    enter({ type, name, from, to, node }) {
      const own = text.slice(from, to)
      if (type.isError) faults.push(`at ${from}: ${text.slice(from)}`)
      if (name !== 'VectorSelector') return
      const metric = node.getChild('Identifier')
      const labels = [...own.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g)]
      metrics.push({
        name: metric ? text.slice(metric.from, metric.to) : own,
        labels: labels.map(([, label = '', value = '']) => ({ label, value })),
      })
    },
  })
  return { faults, metrics }
}
