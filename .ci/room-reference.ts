/** The lists of files in docs/architecture/*.md: each file of a folder of src with the first sentence that it says of itself. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

/** The page of every folder, its list of files renewed. */
export async function roomPages(): Promise<ReadonlyMap<string, string>> {
  const folders = (await readdir(join(root, 'src'), { withFileTypes: true })).filter((entry) =>
    entry.isDirectory(),
  )
  const pages = new Map<string, string>()
  for (const { name } of folders) {
    const path = `docs/architecture/${name}.md`
    const text = await readFile(join(root, path), 'utf8').catch(() => {
      throw new Error(
        `write ${path}: a page about the new folder src/${name}, with <!-- files --> and <!-- /files -->`,
      )
    })
    const list = await filesOf(join(root, 'src', name))
    pages.set(
      path,
      text.replace(
        /(<!-- files -->\n)[\s\S]*(<!-- \/files -->)/,
        (_, open, close) => `${open}\n${list}\n\n${close}`,
      ),
    )
  }
  return pages
}

async function filesOf(folder: string): Promise<string> {
  const names = (await readdir(folder, { recursive: true }))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.replaceAll('\\', '/'))
  // Files before folders, each by its name.
  const depth = (name: string) => name.split('/').length
  names.sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1))
  const rows = await Promise.all(
    names.map(
      async (name) => `| \`${name}\` | ${firstSentence(await readFile(join(folder, name), 'utf8'))} |`,
    ),
  )
  return ['| file | what it is |', '|---|---|', ...rows].join('\n')
}

/** Of the comment at the top, or of the first comment that describes something. */
function firstSentence(source: string): string {
  const comment = /\/\*\*([\s\S]*?)\*\//.exec(source)?.[1] ?? ''
  const text = comment
    .replaceAll(/\n\s*\* ?/g, ' ')
    .replace(/@\w+[\s\S]*/, '')
    .trim()
  const sentence = /^[\s\S]*?\.(?=\s|$)/.exec(text)?.[0] ?? text
  return sentence.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}
