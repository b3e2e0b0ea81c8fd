/** A process that runs one export of a configuration given as JSON, for tests that kill it. */
import { open } from '../../src/index.ts'

const [config = '{}', name = ''] = process.argv.slice(2)
await using elt = await open(JSON.parse(config))
const report = await elt.export(name)
process.stdout.write(JSON.stringify(report))
