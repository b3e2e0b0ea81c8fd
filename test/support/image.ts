/**
 * The last stage of the Dockerfile, laid out and run without an engine: what it copies and runs happens in a folder of its
 * own, its command runs with the rights of its user, and everything but its volume is read-only. What is not tried is the
 * build stage (the package that is laid out was built and installed here), and the image that it begins with.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { cp, mkdir, readFile, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

export interface Image {
  /** Where a path of the image is. */
  at(path: string): string
  /** The words of ENTRYPOINT and CMD, and of HEALTHCHECK. */
  readonly command: readonly string[]
  readonly healthCheck: readonly string[]
  readonly isReadOnly: boolean
  start(words: readonly string[]): ChildProcess
}

const root = join(import.meta.dirname, '../..')

/** Lays the image out in `folder`; its packages are those of `nodeModules`. */
export async function layOutImage(folder: string, nodeModules: string): Promise<Image> {
  const stage = lastStage(await readFile(join(root, 'Dockerfile'), 'utf8'))
  const at = (path: string) => join(folder, path)
  const isRoot = process.getuid?.() === 0
  for (const path of ['opt', 'usr/local/bin', 'var/lib', 'etc']) await mkdir(at(path), { recursive: true })
  for (const copy of stage.filter(({ name }) => name === 'COPY')) await copyFiles(copy.text)
  for (const { text } of stage.filter(({ name }) => name === 'RUN')) {
    const owned = isRoot ? text : text.replaceAll(/--(owner|group)=\d+/g, '')
    execFileSync('sh', ['-ec', moved(owned)], { stdio: 'pipe' })
  }
  const volume = at(textOf('VOLUME'))
  const user = textOf('USER').split(':')
  const env = Object.fromEntries(
    [...textOf('ENV').matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, moved(` ${value}`).trim()]),
  )
  if (!isRoot)
    console.warn('NOT RUN: only root can lay the image out for another user, on a read-only file system')
  return {
    at,
    command: [...wordsOf('ENTRYPOINT'), ...wordsOf('CMD')].map((word) =>
      word === 'iterable-elt' ? at('usr/local/bin/iterable-elt') : word,
    ),
    healthCheck: JSON.parse(/CMD (\[.*\])$/.exec(textOf('HEALTHCHECK'))?.[1] ?? '[]'),
    isReadOnly: isRoot,
    start(words) {
      const confined = isRoot ? [...confine, volume, ...user, ...words] : words
      return spawn(confined[0] as string, confined.slice(1), {
        cwd: at(textOf('WORKDIR')),
        env: { PATH: process.env.PATH, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
    },
  }

  async function copyFiles(text: string): Promise<void> {
    const [from, ...paths] = text.split(/\s+/)
    const target = paths.pop() as string
    if (from !== '--from=build') throw new Error(`COPY ${text}: only what the build stage has is copied`)
    for (const source of paths.map((path) => path.replace(/^\/build\//, ''))) {
      const place = at(target.endsWith('/') ? join(target, basename(source)) : target)
      await mkdir(dirname(place), { recursive: true })
      if (source === 'node_modules') await symlink(nodeModules, place)
      else await cp(join(root, source), place, { recursive: true })
    }
  }

  function moved(text: string): string {
    return text.replaceAll(/(?<=[\s=])\/(?=(?:opt|usr|var|etc)\/)/g, `${folder}/`)
  }

  function textOf(name: string): string {
    const texts = stage.flatMap((one) => (one.name === name ? [one.text] : []))
    if (texts.length !== 1) throw new Error(`the Dockerfile has ${texts.length} ${name} in its last stage`)
    return texts[0] as string
  }

  function wordsOf(name: string): readonly string[] {
    return JSON.parse(textOf(name))
  }
}

/** Everything is read-only but the volume; then the rights of root are given up for good. */
const confine = [
  'unshare',
  ...['--mount', '--propagation', 'private', '--', 'sh', '-ec'],
  `mount --bind "$1" "$1"; mount -o remount,bind,ro /; volume=$1 user=$2 group=$3; shift 3
   cd "$volume"; exec setpriv --reuid="$user" --regid="$group" --clear-groups --no-new-privs -- "$@"`,
  'sh',
]

interface Instruction {
  readonly name: string
  readonly text: string
}

function lastStage(dockerfile: string): readonly Instruction[] {
  const lines = dockerfile.replaceAll(/^#.*\n/gm, '').replaceAll(/\\\n\s*/g, '')
  const instructions = [...lines.matchAll(/^([A-Z]+) +(.+)$/gm)].map(([, name = '', text = '']) => ({
    name,
    text,
  }))
  return instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'))
}
