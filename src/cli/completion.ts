/** `completion SHELL`: a script that asks this program what may come next; the answer is read off the program. */
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { Argument, type Command } from 'commander'
import { wordsOf } from '../command-line.ts'
import { packageFile } from '../package-files.ts'
import { type Candidate, type WordSource, wantedIn } from './candidates.ts'
import { action, type Runtime, withExamples } from './command.ts'

const shells = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof shells)[number]

export function completionCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('completion')
    .description('Print a script with which a shell completes commands, options and names.')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
  withExamples(
    command,
    'completion bash >> ~/.bashrc',
    'completion zsh >> ~/.zshrc',
    'completion fish > ~/.config/fish/completions/iterable-elt.fish',
  )
  command.action(
    action<object, [Shell]>(runtime, async ({ terminal }, _, shell) => {
      const script = scripts[shell]
      if (terminal.isJson) terminal.result({ shell, script }, () => {})
      else await terminal.write(script)
      return undefined
    }),
  )
  program
    .command('complete', { hidden: true })
    .description('What may come next; asked by the scripts of "completion".')
    .addArgument(new Argument('<shell>').choices(shells))
    .argument('<line>', 'the command line up to the cursor, with the name of the program')
    .action(
      action<object, [Shell, string]>(runtime, async ({ terminal, env }, _, shell, line) => {
        await terminal.write(await answered(program, { shell, line, env }))
        return undefined
      }),
    )
}

/** For bash nothing means that names of files may come; the others are told so. */
const scripts: Readonly<Record<Shell, string>> = {
  bash: `# iterable-elt: completion for bash
_iterable_elt() {
  local IFS=$'\\n'
  COMPREPLY=($("$1" complete bash "\${COMP_LINE:0:COMP_POINT}" 2>/dev/null))
}
complete -o default -F _iterable_elt iterable-elt
`,
  zsh: `#compdef iterable-elt
# iterable-elt: completion for zsh
_iterable_elt() {
  local -a found
  found=("\${(@f)$("$words[1]" complete zsh "\${(j: :)words[1,CURRENT]}" 2>/dev/null)}")
  if [[ "$found[1]" == :files ]]; then _files; else _describe 'iterable-elt' found; fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
if [[ "\${funcstack[1]}" == _iterable_elt ]]; then _iterable_elt; else compdef _iterable_elt iterable-elt; fi
`,
  fish: `# iterable-elt: completion for fish
function __iterable_elt_complete
  set -l words (commandline -opc)
  set -l found ($words[1] complete fish (commandline -cp) 2>/dev/null)
  if test "$found[1]" = :files
    __fish_complete_path (commandline -ct)
  else
    printf '%s\\n' $found
  end
end
complete -c iterable-elt -f -a '(__iterable_elt_complete)'
`,
}

interface Asked {
  readonly shell: Shell
  readonly line: string
  readonly env: Runtime['env']
}

/** The candidates, one a line, in the form of the shell. */
async function answered(program: Command, { shell, line, env }: Asked): Promise<string> {
  const words = wordsOf(line).slice(1)
  const current = words.at(-1) ?? ''
  const { candidates, source, prefix } = wantedIn(program, words)
  if (source === 'files') return shell === 'bash' ? '' : ':files\n'
  const names = source === undefined ? [] : await namesOf(source, configOf(words, env))
  const named = names.map((name) => ({ value: `${prefix}${name}`, about: '' }))
  const fitting = [...candidates, ...named].filter(({ value }) => value.startsWith(current))
  // Bash takes a word apart at these, and wants only the last part.
  const shown = shell === 'bash' ? Math.max(current.lastIndexOf('='), current.lastIndexOf(':')) + 1 : 0
  return fitting.map((candidate) => `${lineOf(candidate, shell, shown)}\n`).join('')
}

function lineOf({ value, about }: Candidate, shell: Shell, shown: number): string {
  if (shell === 'bash') return value.slice(shown)
  if (shell === 'fish') return `${value}\t${about}`
  return about === '' ? value.replaceAll(':', '\\:') : `${value.replaceAll(':', '\\:')}:${about}`
}

function configOf(words: readonly string[], env: Runtime['env']): string {
  const at = words.indexOf('--config')
  return resolve((at >= 0 && words[at + 1]) || env.ITERABLE_ELT_CONFIG || 'config.json')
}

async function namesOf(source: Exclude<WordSource, 'files'>, configPath: string): Promise<readonly string[]> {
  switch (source) {
    case 'streams': {
      const { catalogue, streamGroups } = await import('../catalog/index.ts')
      return [...streamGroups, ...catalogue('email').map(({ name }) => name)]
    }
    case 'views':
      return namesOfSql(packageFile('sql/views'))
    case 'connections':
    case 'targets':
      return Object.keys((await sectionOf(configPath, source)) ?? {})
    case 'exports':
      return exportNames(configPath)
    case 'jobs':
      return [
        'sync',
        ...((await sectionOf(configPath, 'warehouse'))?.type === 'ducklake' ? ['maintain'] : []),
        ...(await exportNames(configPath)),
      ]
  }
}

async function exportNames(configPath: string): Promise<readonly string[]> {
  const directory = (await sectionOf(configPath, 'exports'))?.directory
  const folder = typeof directory === 'string' ? directory : 'sql/exports'
  return namesOfSql(resolve(dirname(configPath), folder))
}

const namesOfSql = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder).catch(() => []))
    .filter((file) => file.endsWith('.sql'))
    .map((file) => basename(file, '.sql'))
    .sort()

/** As it stands in the file: nothing is looked up for a key of the keyboard, no secret least of all. */
async function sectionOf(
  configPath: string,
  name: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { parseJsonc } = await import('../config/jsonc.ts')
  try {
    const { value } = parseJsonc(await readFile(configPath, 'utf8'), configPath)
    const section = new Map(Object.entries(value as object)).get(name)
    return typeof section === 'object' && section !== null ? section : undefined
  } catch {
    return undefined
  }
}
