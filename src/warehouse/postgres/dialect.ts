/** What Postgres says differently. */
import { sql } from 'kysely'
import { postgresAnalysis } from '../analysis.ts'
import type { Dialect } from '../session.ts'
import { isBeyondNumeric } from './jsonb.ts'

export const postgresTables: Dialect = {
  typeName: {
    boolean: 'boolean',
    bigint: 'bigint',
    double: 'double precision',
    timestamptz: 'timestamptz',
    text: 'text',
    // jsonb, not json: without an operator for equality `select distinct`, `group by` and `union` would fail upon every
    // view. Digits stay; of members of one name within one object the last stays.
    json: 'jsonb',
  },
  refusesNul: true,
  dropsTwins: true,
  refusesNumber: isBeyondNumeric,
  system: 'postgresql',
  altersFirst: true,
  keepsIndexes: true,
  hash: (text) => `hashtextextended(${text}, 0)`,
  sha256: postgresAnalysis.sha256,
  // Of an array, which a join could not be: whatever statistics a server has of a growing table, it asks the index then.
  among: (select) => sql`= any(array(${select}))`,
  describesColumns: true,
  comments: (schema) =>
    sql`select c.relname as table_name, a.attname as column_name
     from pg_description d
       join pg_class c on d.classoid = 'pg_class'::regclass and c.oid = d.objoid
       join pg_namespace n on n.oid = c.relnamespace and n.nspname = ${schema}
       left join pg_attribute a on d.objsubid > 0 and a.attrelid = c.oid and a.attnum = d.objsubid`,
  // As the planner reckons: the rows that a page had when they were last counted, and the pages that there are now.
  estimates: (schema) =>
    sql`select table_name, case when count(*) = count(rows) then cast(sum(rows) as bigint) end as rows
     from (
       select t.relname as table_name,
         case
           when pg_relation_size(p.oid) = 0 then 0
           when p.relpages > 0 and p.reltuples >= 0
             then p.reltuples / p.relpages * (pg_relation_size(p.oid) / current_setting('block_size')::int)
         end as rows
       from pg_class p
         join pg_class t on t.oid = coalesce(pg_partition_root(p.oid), p.oid)
         join pg_namespace n on n.oid = t.relnamespace and n.nspname = ${schema}
       where p.relkind = 'r'
     ) as parts
     group by table_name`,
  // 1,600 is Postgres's own limit. A row in which nearly all of a thousand are filled may not fit its page of 8,160
  // bytes: COPY refuses it then, and the careful path puts what finds no room into `_extra`.
  maxCustomColumns: 1000,
  rowBytes: 7_800,
  // An entry of an index takes a third of its page at most: 2,704 bytes with what else is in it.
  keyBytes: 2_600,
  maxBytes: 63,
  analysis: postgresAnalysis,
  isEngine: false,
  spaces:
    'select nspname as name from pg_catalog.pg_namespace union select datname from pg_catalog.pg_database',
  hiddenColumns: ['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'],
  widen(column, from, to) {
    if (to === 'json') return `to_jsonb(${column})`
    // A whole number that had become a double is written as it came: 1500000000000000, not 1.5e+15.
    if (to === 'text' && from === 'double') {
      return `case when ${column} = trunc(${column}) and abs(${column}) <= 9007199254740992 then ${column}::bigint::text else ${column}::text end`
    }
    return `${column}::${this.typeName[to]}`
  },
}
