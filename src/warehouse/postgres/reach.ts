/**
 * What a statement may not name. A read-only transaction stops writing to tables; to a role with many rights it lets pass
 * functions that read files of the server, ask other servers, end sessions or run text as SQL. The rights of the role are
 * what holds against people who want to get out (docs/postgres-roles.md); this keeps out everybody else, superusers too.
 */
import { refusedAccess, refusedQuery } from '../statement.ts'

/** Functions that reach for files and other servers, and relations that show the secrets and files of this one. */
const outside = named(
  'pg_read_(?:binary_)?file(?:_old)?|pg_ls_\\w+|pg_stat_file|pg_logdir_ls|lo_import|dblink\\w*',
  'pg_authid|pg_shadow|pg_user_mappings?|pg_subscription|pg_(?:hba|ident)_file_\\w+|pg_file_settings',
)

/** Functions that act: on files, on the server, on other sessions, or on whatever a text says that is run as SQL. */
const acting = named(
  [
    'lo_export|pg_file_\\w+|pg_(?:terminate|cancel)_backend|pg_(?:reload_conf|promote|switch_wal|switch_xlog)',
    'pg_rotate_logfile\\w*|pg_(?:start_|stop_)?backup(?:_start|_stop)?|pg_create_\\w+|pg_drop_\\w+|pg_copy_\\w+',
    'pg_wal_replay_\\w+|pg_(?:replication|logical)_\\w+|pg_stat_reset\\w*|pg_import_system_collations|pg_log_\\w+',
    'set_config|\\w+_to_xml\\w*|ts_stat|ts_rewrite|crosstab\\w*|connectby|xpath_table',
  ].join('|'),
)

/**
 * Looks at the text as it stands, with its strings: whatever runs SQL from a text has the name in there.
 * @throws ConfigError `not_a_select`.
 */
export function refuseReach(text: string, allowsExternalAccess: boolean): void {
  const spelled = /\bu&\s*"/i.exec(text)
  if (spelled) throw refusedQuery('it spells a name with U&"…"; write the name itself')
  const acts = acting.exec(text)?.[1]
  if (acts !== undefined) throw refusedQuery(`it calls ${acts}, which does more than read`)
  const reaches = outside.exec(text)
  if (!reaches || allowsExternalAccess) return
  throw refusedAccess(`it asks for ${reaches[1] ?? reaches[2]}, which is not of the warehouse`)
}

/** Calls of these functions, also where a comment stands before the parenthesis, and these relations wherever named. */
function named(functions: string, relations?: string): RegExp {
  const calls = `(${functions})"?\\s*(?:\\(|--|/\\*)`
  const names = relations === undefined ? '' : `|(${relations})(?![\\w$])`
  return new RegExp(`(?<![\\w$])(?:${calls}${names})`, 'i')
}
