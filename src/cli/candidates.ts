/** What may stand at the end of a command line, read off the program itself. Pure. */
import type { Argument, Command, Option } from 'commander'

/** One word that may stand there. */
export interface Candidate {
  readonly value: string
  readonly about: string
}

/** Words that only the configuration or the catalogue knows. */
export type WordSource = 'streams' | 'exports' | 'jobs' | 'connections' | 'targets' | 'views' | 'files'

export interface Wanted {
  readonly candidates: readonly Candidate[]
  /** Further words come from there. */
  readonly source?: WordSource | undefined
  /** What stands before each of them: `--export=`. */
  readonly prefix: string
}

/** What may take the place of the last of `words`, which follow the name of the program. */
export function wantedIn(program: Command, words: readonly string[]): Wanted {
  const current = words.at(-1) ?? ''
  const { command, awaiting, position, isAfterDashes } = walked(program, words.slice(0, -1))
  if (awaiting) return valuesOf(awaiting, '')
  const [, name = ''] = /^(--[\w-]+)=/.exec(current) ?? []
  const assigned = optionNamed(command, name)
  if (assigned) return valuesOf(assigned, `${name}=`)
  if (current.startsWith('-') && !isAfterDashes) return { candidates: optionsOf(command), prefix: '' }
  const argument = command.registeredArguments[position] ?? command.registeredArguments.at(-1)
  const isExpected =
    argument !== undefined && (position < command.registeredArguments.length || argument.variadic)
  const subcommands = position === 0 ? subcommandsOf(command) : []
  if (isExpected) {
    const { candidates, source } = valuesOf(argument, '', command)
    return { candidates: [...subcommands, ...candidates], source, prefix: '' }
  }
  return { candidates: subcommands.length > 0 ? subcommands : optionsOf(command), prefix: '' }
}

interface Walk {
  readonly command: Command
  /** The option whose value comes next. */
  readonly awaiting: Option | undefined
  readonly position: number
  readonly isAfterDashes: boolean
}

function walked(program: Command, words: readonly string[]): Walk {
  let walk: Walk = { command: program, awaiting: undefined, position: 0, isAfterDashes: false }
  for (const word of words) walk = step(walk, word)
  return walk
}

function step(walk: Walk, word: string): Walk {
  const { command, awaiting, position, isAfterDashes } = walk
  if (awaiting) return { ...walk, awaiting: undefined }
  if (!isAfterDashes && word === '--') return { ...walk, isAfterDashes: true }
  if (!isAfterDashes && word.startsWith('-')) {
    const option = optionNamed(command, word)
    return { ...walk, awaiting: option?.required ? option : undefined }
  }
  const next = position === 0 ? command.commands.find((one) => one.name() === word) : undefined
  return next ? { ...walk, command: next } : { ...walk, position: position + 1 }
}

function optionNamed(command: Command, flag: string): Option | undefined {
  for (let at: Command | null = command; at; at = at.parent) {
    const found = at.options.find(({ long, short }) => flag === long || flag === short)
    if (found) return found
  }
  return undefined
}

function valuesOf(of: Option | Argument, prefix: string, command?: Command): Wanted {
  const values = of.argChoices ?? []
  const candidates = values.map((value) => ({ value: `${prefix}${value}`, about: '' }))
  return { candidates, source: values.length > 0 ? undefined : sourceOf(of, command), prefix }
}

/** The names of placeholders say what belongs there: `<file>`, `[stream...]`, `--export <name>`. */
function sourceOf(of: Option | Argument, command?: Command): WordSource | undefined {
  const placeholder = 'flags' in of ? (/[<[]([\w-]+)/.exec(of.flags)?.[1] ?? '') : of.name()
  const about = placeholder === 'name' || placeholder === 'names' ? topicOf(of, command) : placeholder
  return sources.get(about)
}

function topicOf(of: Option | Argument, command?: Command): string {
  if ('flags' in of) return of.flags === '--sql <name>' ? 'view' : of.attributeName()
  const name = command?.name() ?? ''
  return command?.parent?.name() === 'schedule' ? 'job' : name === 'views' ? 'view' : name
}

const sources = new Map<string, WordSource>([
  ['stream', 'streams'],
  ['export', 'exports'],
  ['job', 'jobs'],
  ['connection', 'connections'],
  ['target', 'targets'],
  ['view', 'views'],
  ['file', 'files'],
  ['folder', 'files'],
])

function optionsOf(command: Command): readonly Candidate[] {
  const help = command.createHelp()
  const options = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)]
  return options.flatMap(({ long, description }) =>
    long ? [{ value: long, about: short(description) }] : [],
  )
}

const subcommandsOf = (command: Command): readonly Candidate[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .map((one) => ({ value: one.name(), about: short(one.description()) }))

/** The first sentence. */
const short = (text: string): string => text.replace(/[.;:](?: .*)?$/s, '').replaceAll(/\s+/g, ' ')
