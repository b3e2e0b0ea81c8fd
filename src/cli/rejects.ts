import type { Command } from 'commander'
import type { Runtime } from './command.ts'

export function rejectsCommand(_program: Command, _runtime: Runtime): void {}
