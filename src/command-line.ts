/** The words of a command line. Pure. */

/**
 * The words of a line as a shell reads them: blanks part them, quotes and backslashes keep them together; nothing is
 * expanded. A line that ends with a blank ends with an empty word.
 */
export function wordsOf(line: string): readonly string[] {
  const pieces = line.matchAll(/\s+|'([^']*)'?|"((?:\\.|[^"\\])*)"?|\\(.)|[^\s'"\\]+/gs)
  const words = ['']
  for (const [piece, single, double, escaped] of pieces) {
    if (/^\s/.test(piece)) words.push('')
    else words[words.length - 1] += single ?? double?.replace(/\\(.)/g, '$1') ?? escaped ?? piece
  }
  return words[0] === '' && words.length > 1 ? words.slice(1) : words
}
