#!/usr/bin/env node
/** The command line: hands the process to the program. */
import { isLarge } from '../engine/budget.ts'
import { roomHere } from '../engine/room.ts'
import { allowSweeps, keepYoungSmall } from '../engine/sweep.ts'
import { interruptionOf } from './interruption.ts'
import { invocationOf } from './invocation.ts'
import { runProgram } from './program.ts'

allowSweeps()
if (!isLarge(roomHere())) keepYoungSmall()
const { argv, env, stdin, stdout, stderr } = process
const end = (exitCode: number): never => process.exit(exitCode)
const interruption = interruptionOf(process, {
  onStop: () => program.note('stopping; press Ctrl-C again to end at once'),
  end: () => end(program.tellInterruption()),
})
const invocation = invocationOf({ script: argv[1], env, cwd: process.cwd() })
const program = runProgram({ args: argv.slice(2), env, stdin, stdout, stderr, interruption, invocation })
// A reader that has seen enough (`| head`) is not an error, and hides none; a full disk is one.
stdout.on('error', (error: NodeJS.ErrnoException) => end(program.endOutput(error)))
// Whoever reads what stands beside the result is gone, or has no room: nobody can be told of it.
stderr.on('error', () => {})
process.on('uncaughtException', (error) => end(program.tell(error)))
end(await program.ended)
