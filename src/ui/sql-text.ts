/** SQL with its words told apart, as far as it helps reading. */
import { type Html, html } from './html.ts'

const parts =
  /(?<comment>--[^\n]*|\/\*[\s\S]*?\*\/)|(?<string>'(?:[^']|'')*')|(?<name>"(?:[^"]|"")*")|(?<number>\b\d+(?:\.\d+)?\b)|(?<parameter>\$\w+)|(?<word>\b[a-z_]\w*\b)|[\s\S]/giy

const keywords = new Set(
  (
    'select from where and or not in is null join left right full inner outer cross lateral on using group by order having limit ' +
    'offset union all distinct with as case when then else end between like ilike exists interval cast filter over partition asc ' +
    'desc nulls first last values true false'
  ).split(' '),
)

export function sqlText(text: string): Html {
  const pieces: (Html | string)[] = []
  for (const { 0: piece, groups = {} } of text.matchAll(new RegExp(parts.source, 'giy'))) {
    const kind = groups.word
      ? keywords.has(piece.toLowerCase())
        ? 'keyword'
        : undefined
      : Object.entries(groups).find(([, found]) => found !== undefined)?.[0]
    if (kind) pieces.push(html`<span class="sql-${kind}">${piece}</span>`)
    else if (typeof pieces.at(-1) === 'string') pieces[pieces.length - 1] += piece
    else pieces.push(piece)
  }
  return html`<pre class="sql" tabindex="0" role="region" aria-label="SQL"><code>${pieces}</code></pre>`
}
