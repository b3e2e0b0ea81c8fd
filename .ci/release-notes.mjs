/**
 * Prints what CHANGELOG.md says of a version: `node .ci/release-notes.mjs v1.2.3`. Fails where the tag, package.json and the
 * changelog do not name the same one.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path) => readFileSync(join(root, path), 'utf8')

const version = String(process.argv[2]).replace(/^v/, '')
const { version: packaged } = JSON.parse(read('package.json'))
if (version !== packaged) fail(`the tag says ${version}, package.json ${packaged}`)
const sections = read('CHANGELOG.md').split(/^## /m).slice(1)
const section = sections.find((one) => one.startsWith(`[${version}] - `))
if (!section) fail(`CHANGELOG.md has no section "## [${version}] - YYYY-MM-DD"`)
console.log(section.split('\n').slice(1).join('\n').trim())

function fail(message) {
  console.error(message)
  process.exit(1)
}
