/** The one way in which pages are written: a template whose every value is escaped. `raw` is not passed on, on purpose. */
import { html as template } from 'hono/html'

/** A piece of a page. */
export type Html = ReturnType<typeof template>

/** What may stand in a template: text is escaped, pieces stand as they are, null and false say nothing. */
type Value = Html | string | number | null | undefined | false | readonly Value[]

export const html = (texts: TemplateStringsArray, ...values: readonly Value[]): Html =>
  template(texts, ...values)
