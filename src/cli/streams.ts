import type { Command } from 'commander'
import type { Runtime } from './command.ts'

export function streamsCommand(_program: Command, _runtime: Runtime): void {}
