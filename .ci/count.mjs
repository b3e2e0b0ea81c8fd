/**
 * Prints from vitest's JSON report which tests failed, each with the first lines of why, and last
 * `tests: N passed, N failed`; a file whose loading or setup fails is one failure.
 */
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'

const text = readFileSync(process.argv[2], 'utf8')
const report = text === '' ? { numPassedTests: 0, testResults: [] } : JSON.parse(text)
const failures = report.testResults.flatMap((file) => {
  const name = relative(process.cwd(), file.name)
  const tests = file.assertionResults.filter((test) => test.status === 'failed')
  if (file.status === 'failed' && tests.length === 0) return [{ name, why: file.message }]
  return tests.map((test) => ({ name: `${name} > ${test.fullName}`, why: test.failureMessages.join('\n') }))
})
for (const { name, why } of failures) {
  console.log(`FAILED ${name}`)
  for (const line of why.split('\n').slice(0, 12)) console.log(`    ${line.slice(0, 300)}`)
}
console.log(`tests: ${report.numPassedTests} passed, ${failures.length} failed`)
process.exitCode = failures.length > 0 || report.numPassedTests === 0 ? 1 : 0
