import type { Command } from 'commander'
import type { Runtime } from './command.ts'

export function statusCommand(_program: Command, _runtime: Runtime): void {}
