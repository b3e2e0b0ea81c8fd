/** The files that pages refer to; all of them come with the package. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { packageFile } from '../package-files.ts'

const require = createRequire(import.meta.url)

const css = 'text/css; charset=utf-8'
const javascript = 'text/javascript; charset=utf-8'

const assets = new Map<string, { readonly type: string; readonly path: () => string }>([
  ['page.css', { type: css, path: () => packageFile('assets/page.css') }],
  ['page.js', { type: javascript, path: () => packageFile('assets/page.js') }],
  ['icon.svg', { type: 'image/svg+xml', path: () => packageFile('assets/icon.svg') }],
  ['uplot.css', { type: css, path: () => require.resolve('uplot/dist/uPlot.min.css') }],
  ['uplot.js', { type: javascript, path: () => require.resolve('uplot/dist/uPlot.iife.min.js') }],
])

/** Undefined for a name that no page refers to. */
export async function readAsset(
  name: string,
): Promise<{ readonly type: string; readonly text: string } | undefined> {
  const asset = assets.get(name)
  return asset && { type: asset.type, text: await readFile(asset.path(), 'utf8') }
}
