/** `ui` and `mcp` of the configuration: what others look at the warehouse through. */
import * as z from 'zod'
import { passwordHash } from './password-hash.ts'
import { timeLimit } from './values.ts'

/** `ui`: the operations page. */
export const uiSchema = z.strictObject({
  token: z
    .string()
    .min(16, 'expected 16 characters or more')
    .optional()
    .describe('Whoever knows it may sign in to the operations page, as an operator.'),
  users: z
    .record(
      z.string().min(1).max(100),
      z.strictObject({
        password: z
          .string()
          .regex(passwordHash, 'expected what "iterable-elt ui --hash" prints, not the password itself')
          .describe('The scrypt hash that `iterable-elt ui --hash` prints.'),
        role: z
          .enum(['viewer', 'operator'])
          .default('viewer')
          .describe('A viewer reads, with personal data masked; an operator also acts.'),
      }),
    )
    .default({})
    .describe('People who may sign in to the operations page, by name.'),
  allowed_hosts: z
    .array(z.string().min(1))
    .default([])
    .describe('Host names under which the page is reached, besides addresses and localhost (without port).'),
  session: timeLimit.prefault('12h').describe('How long a sign-in lasts.'),
  queries: z.string().min(1).default('sql/queries').describe('Folder of saved queries, one .sql file each.'),
})

/** `mcp`: what assistants see. */
export const mcpSchema = z.strictObject({
  token: z
    .string()
    .min(16, 'expected 16 characters or more')
    .optional()
    .describe(
      'What clients of `mcp --http` must bring as bearer token. Absent: $ITERABLE_ELT_MCP_TOKEN; without either, loopback only.',
    ),
  allowed_hosts: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Host names under which `mcp --http` is reached, besides addresses and localhost (without port).',
    ),
  personal_data: z
    .boolean()
    .default(false)
    .describe('True: assistants see e-mail addresses, names, telephone numbers and all fields of profiles.'),
  shown_fields: z
    .array(z.string().min(1))
    .default([])
    .describe('Fields and columns that assistants see although personal data is masked, e.g. ["plan"].'),
  max_rows: z
    .int()
    .min(1)
    .max(100_000)
    .default(1_000)
    .describe('The most rows that an assistant may ask of one query (200 unless it asks for more).'),
  max_bytes: z
    .int()
    .min(1_000)
    .max(10_000_000)
    .default(100_000)
    .describe('The most bytes of one answer; what is more is cut, and the answer says so.'),
  timeout: timeLimit.prefault('30s').describe('The longest time of one answer.'),
})
