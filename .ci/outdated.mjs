/** A notice of dependencies that have newer versions. It never fails, and without a network it says nothing. */
import { spawnSync } from 'node:child_process'

/** Newer ones that are known, and why they are not taken. */
const held = new Map([
  ['@types/node', 'the types are those of the oldest Node supported'],
  ['@testcontainers/postgresql', 'newer ones need Node 22'],
  ['@opentelemetry/api', 'the SDKs of hosts take up to 1.9'],
])

const { stdout } = spawnSync('npm', ['outdated', '--json', '--fetch-retries=0', '--fetch-timeout=5000'], {
  timeout: 15_000,
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'ignore'],
})
const news = Object.entries(parsed(stdout)).flatMap(([name, { current, latest }]) =>
  current && latest && current !== latest && !held.has(name) ? [`${name} ${current} → ${latest}`] : [],
)
if (news.length > 0) console.log(`notice: newer versions of ${news.join(', ')}`)

function parsed(text) {
  try {
    const { error, ...packages } = JSON.parse(text)
    return error ? {} : packages
  } catch {
    return {}
  }
}
