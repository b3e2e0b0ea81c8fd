/** Lines of a shell, as far as the documentation writes them plainly. */

/** A command that needs no shell: its words, and files in place of its standard streams. */
export interface PlainCommand {
  readonly words: readonly string[]
  readonly stdin?: string
  readonly stdout?: string
}

/** The commands of a block: comments gone, continued lines joined. */
export function commandsOf(text: string): string[] {
  return text
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.trimStart().startsWith('#'))
}

/** Undefined for what a shell is needed for (pipes, variables, blocks). */
export function plainCommand(command: string): PlainCommand | undefined {
  const words: string[] = []
  const files: { stdin?: string; stdout?: string } = {}
  let rest = command.trim()
  while (rest !== '' && !rest.startsWith('#')) {
    const [, sign, word] =
      /^(<|>{0,2})\s*((?:'[^']*'|"(?:\\"|[^"$`\\])*"|[^\s'"|&;<>$`\\(){}*?!]+)+)/.exec(rest) ?? []
    if (word === undefined) return undefined
    const start = rest.indexOf(word)
    const after = rest.slice(start + word.length)
    if (after !== '' && !/^\s/.test(after)) return undefined
    const meant = word.replaceAll(
      /'([^']*)'|"((?:\\"|[^"])*)"/g,
      (_, single, double) => single ?? double.replaceAll('\\"', '"'),
    )
    if (sign === '<') files.stdin = meant
    else if (sign !== '') files.stdout = meant
    else words.push(meant)
    rest = after.trimStart()
  }
  return { words, ...files }
}
