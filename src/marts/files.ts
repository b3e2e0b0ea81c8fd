/** The views that ship with the product, in the order in which they can be made. */
import { readdir, readFile } from 'node:fs/promises'
import { packageFile } from '../package-files.ts'
import { parseViewFile, type ViewFile } from './file.ts'

/** Every file of `sql/views`, or of another folder of `sql`; a view comes after those that it reads. */
export async function readViewFiles(folder: 'views' | 'fivetran' = 'views'): Promise<readonly ViewFile[]> {
  const directory = packageFile(`sql/${folder}`)
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort()
  const files = await Promise.all(
    names.map(async (file) =>
      parseViewFile(file.replace(/\.sql$/, ''), await readFile(`${directory}/${file}`, 'utf8')),
    ),
  )
  return inOrder(files)
}

function inOrder(files: readonly ViewFile[]): readonly ViewFile[] {
  const byName = new Map(files.map((file) => [file.name, file]))
  const ordered = new Set<ViewFile>()
  const add = (file: ViewFile, path: readonly string[]) => {
    if (path.includes(file.name)) throw new Error(`sql/views: ${[...path, file.name].join(' reads ')}`)
    for (const name of file.views) {
      const read = byName.get(name)
      if (!read) throw new Error(`sql/views/${file.name}.sql reads the view ${name}, which has no file`)
      add(read, [...path, file.name])
    }
    ordered.add(file)
  }
  for (const file of files) add(file, [])
  return [...ordered]
}
