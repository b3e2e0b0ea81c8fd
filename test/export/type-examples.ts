/** What an export sends for each type of each warehouse: the table of docs/types.md, which the tests go through. */

export interface TypeExample {
  readonly type: string
  /** An expression of the database. */
  readonly sql: string
  /** JSON, as it is sent. */
  readonly sends?: string
  /** The row is rejected, with this code. */
  readonly rejected?: string
  /** The export is refused: the type has to be cast in the query. */
  readonly refused?: string
}

const sends = (type: string, sql: string, json: string): TypeExample => ({ type, sql, sends: json })
const rejected = (type: string, sql: string, code: string): TypeExample => ({ type, sql, rejected: code })
const refused = (type: string, sql: string, name: string): TypeExample => ({ type, sql, refused: name })

/** Types that the examples need, in Postgres's words. */
export const postgresTypes = `
  create type mood as enum ('sad', 'ok');
  create type place as (city text, zip int);
  create domain email_address as text check (value like '%@%');
  create domain work_address as email_address;
  create domain amounts as numeric[];
  create domain home as place;`

export const postgresExamples: readonly TypeExample[] = [
  sends('smallint, integer, bigint, oid', '42::bigint', '42'),
  rejected('bigint that a double cannot hold', '9007199254740993::bigint', 'inexact_number'),
  sends('numeric', '123.4500::numeric', '123.45'),
  sends('numeric, a quotient', '1.0 / 3', '0.33333333333333333333'),
  rejected('numeric with more digits than a double', '12345678901234567.89::numeric', 'inexact_number'),
  rejected('numeric NaN', "'NaN'::numeric", 'not_a_number'),
  sends('real', '0.1::real', '0.1'),
  sends('double precision', '0.1::float8 + 0.2::float8', '0.30000000000000004'),
  sends('double precision, whole and long', '1152921504606846976::float8', '1152921504606846976'),
  rejected('double precision NaN', "'NaN'::float8", 'not_a_number'),
  rejected('double precision infinity', "'-infinity'::float8", 'not_a_number'),
  refused('money', '12.34::money', 'money'),
  sends('boolean', 'true', 'true'),
  sends('text, varchar, name', "'ü'::varchar", '"ü"'),
  sends('char(3)', "'ab'::char(3)", '"ab "'),
  sends('"char"', `'x'::"char"`, '"x"'),
  sends('enum', "'ok'::mood", '"ok"'),
  sends('uuid', "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'),
  refused('bytea', "'abc'::bytea", 'bytea'),
  sends('date', "date '2024-02-29'", '"2024-02-29"'),
  sends('date in the year 1', "date '0001-01-01'", '"0001-01-01"'),
  rejected('date before Christ', "date '0044-03-15 BC'", 'date_out_of_range'),
  rejected('date after the year 9999', "date '10000-01-01'", 'date_out_of_range'),
  rejected('date infinity', "date 'infinity'", 'date_out_of_range'),
  sends('timestamptz', "timestamptz '2024-03-31 01:30:45.999999+02'", '"2024-03-30 23:30:45 +00:00"'),
  sends('timestamp (is UTC)', "timestamp '2024-03-31 01:30:45'", '"2024-03-31 01:30:45 +00:00"'),
  sends('timestamp in the year 1', "timestamp '0001-01-01 00:00:00'", '"0001-01-01 00:00:00 +00:00"'),
  rejected('timestamptz before Christ', "timestamptz '0044-03-15 12:00:00+00 BC'", 'date_out_of_range'),
  rejected('timestamptz infinity', "timestamptz '-infinity'", 'date_out_of_range'),
  sends('time', "time '10:00:00.5'", '"10:00:00.5"'),
  sends('timetz', "timetz '10:00:00+02'", '"10:00:00+02"'),
  refused('interval', "interval '1 day'", 'interval'),
  refused('range', "'[1,3)'::int4range", 'int4range'),
  refused('multirange', "'{[1,3)}'::int4multirange", 'int4multirange'),
  sends('json, jsonb', `'{"b": 1.50, "a": [null]}'::jsonb`, '{"a":[null],"b":1.5}'),
  rejected('json with a number that a double cannot hold', `'{"n": 1e400}'::json`, 'inexact_number'),
  sends('array', 'array[1, null, 3]', '[1,null,3]'),
  sends('array of arrays', 'array[[1, 2], [3, null]]', '[[1,2],[3,null]]'),
  sends('array with bounds of its own', "'[0:1]={7,8}'::int[]", '[7,8]'),
  sends('empty array', "'{}'::text[]", '[]'),
  sends('array of text', `array['a,b', 'NULL', null, '"']`, '["a,b","NULL",null,"\\""]'),
  sends('array of enum', "array['ok', 'sad']::mood[]", '["ok","sad"]'),
  sends(
    'array of timestamptz',
    "array[timestamptz '2024-01-01 00:00:00+00']",
    '["2024-01-01 00:00:00 +00:00"]',
  ),
  rejected('array with a NaN', "array['NaN'::numeric]", 'not_a_number'),
  sends('array of json', `array['{"a": 1}'::json]`, '[{"a":1}]'),
  refused('array of a type that is refused', "array['1'::money]", 'money[]'),
  sends('domain', "'x@y'::email_address", '"x@y"'),
  sends('domain over a domain', "'x@y'::work_address", '"x@y"'),
  sends('array of domains', "array['x@y', 'a,b@y']::work_address[]", '["x@y","a,b@y"]'),
  sends('domain over an array', 'array[1.50, 2]::amounts', '[1.5,2]'),
  sends('array of domains over arrays', "array['{1,2}'::amounts, '{3}'::amounts]", '[[1,2],[3]]'),
  sends('composite', "row('Oslo', 150)::place", '{"city":"Oslo","zip":150}'),
  sends('domain over a composite', "row('Oslo', 150)::place::home", '{"city":"Oslo","zip":150}'),
  sends('array of composites', "array[row('Oslo', 150)::place]", '[{"city":"Oslo","zip":150}]'),
  sends('record', "row(1, 'a')", '{"f1":1,"f2":"a"}'),
  sends(
    'a date in a composite (as to_json writes it)',
    "(select r from (select timestamptz '2024-01-01 00:00:00+00' as at) as r)",
    '{"at":"2024-01-01T00:00:00+00:00"}',
  ),
  refused('tsvector', "'a b'::tsvector", 'tsvector'),
  refused('inet', "'10.0.0.1'::inet", 'inet'),
  refused('macaddr', "'08:00:2b:01:02:03'::macaddr", 'macaddr'),
  refused('bit', "B'101'", 'bit'),
  refused('xml', "'<a/>'::xml", 'xml'),
  refused('point', 'point(1, 2)', 'point'),
  refused('regclass', "'pg_class'::regclass", 'regclass'),
  refused('int2vector', "'1 2'::int2vector", 'int2vector'),
]

export const hstoreExample = refused('hstore (an extension)', "'a=>1'::hstore", 'hstore')

export const duckdbExamples: readonly TypeExample[] = [
  sends('TINYINT to HUGEINT, UTINYINT to UHUGEINT', '42::hugeint', '42'),
  rejected('HUGEINT that a double cannot hold', '9007199254740993::hugeint', 'inexact_number'),
  sends('BIGNUM', "'1152921504606846976'::bignum", '1152921504606846976'),
  sends('DECIMAL', '123.4500::decimal(10, 4)', '123.45'),
  rejected(
    'DECIMAL with more digits than a double',
    '12345678901234567.89::decimal(20, 2)',
    'inexact_number',
  ),
  sends('FLOAT', '0.1::float', '0.1'),
  sends('DOUBLE', '0.1::double + 0.2::double', '0.30000000000000004'),
  sends('DOUBLE, whole and long', '1152921504606846976::double', '1152921504606846976'),
  rejected('DOUBLE NaN', "'nan'::double", 'not_a_number'),
  rejected('DOUBLE infinity', "'-inf'::double", 'not_a_number'),
  sends('BOOLEAN', 'true', 'true'),
  sends('VARCHAR', "'ü'", '"ü"'),
  sends('ENUM', "'ok'::enum('sad', 'ok')", '"ok"'),
  sends('UUID', "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'),
  refused('BLOB', "'abc'::blob", 'BLOB'),
  refused('BIT', "'101'::bit", 'BIT'),
  sends('DATE', "date '2024-02-29'", '"2024-02-29"'),
  sends('DATE in the year 1', "date '0001-01-01'", '"0001-01-01"'),
  rejected('DATE before Christ', "date '0044-03-15 (BC)'", 'date_out_of_range'),
  rejected('DATE infinity', "date 'infinity'", 'date_out_of_range'),
  sends('TIMESTAMPTZ', "timestamptz '2024-03-31 01:30:45.999999+02'", '"2024-03-30 23:30:45 +00:00"'),
  sends('TIMESTAMP (is UTC)', "timestamp '2024-03-31 01:30:45'", '"2024-03-31 01:30:45 +00:00"'),
  sends('TIMESTAMP_S', "timestamp_s '1969-12-31 23:59:59'", '"1969-12-31 23:59:59 +00:00"'),
  sends('TIMESTAMP_MS', "timestamp_ms '1969-12-31 23:59:59.999'", '"1969-12-31 23:59:59 +00:00"'),
  sends('TIMESTAMP_NS', "timestamp_ns '2024-01-01 00:00:00.999999999'", '"2024-01-01 00:00:00 +00:00"'),
  rejected('TIMESTAMP infinity', "timestamp '-infinity'", 'date_out_of_range'),
  sends('TIME', "time '10:00:00.5'", '"10:00:00.5"'),
  sends('TIMETZ', "'10:00:00+02'::timetz", '"10:00:00+02"'),
  refused('INTERVAL', "interval '1 day'", 'INTERVAL'),
  sends('JSON', `'{"b": 1.50, "a": [null]}'::json`, '{"a":[null],"b":1.5}'),
  rejected('JSON with a number that a double cannot hold', `'{"n": 1e400}'::json`, 'inexact_number'),
  sends('LIST', '[1, null, 3]', '[1,null,3]'),
  sends('LIST of LIST', '[[1, 2], [], null]', '[[1,2],[],null]'),
  sends('ARRAY', '[1, 2]::int[2]', '[1,2]'),
  sends('STRUCT', "{'city': 'Oslo', 'zip': 150}", '{"city":"Oslo","zip":150}'),
  sends('MAP', 'map {1: 2.50}', '{"1":2.5}'),
  rejected('LIST with a NaN', "['nan'::double]", 'not_a_number'),
  refused('LIST of a type that is refused', "[interval '1 day']", 'INTERVAL[]'),
  refused('UNION', 'union_value(a := 1)', 'UNION'),
]

/** A table of Markdown. */
export function typeTable(examples: readonly TypeExample[]): string {
  const lines = examples.map(({ type, sql, sends, rejected, refused }) => {
    const what = sends
      ? `\`${sends}\``
      : rejected
        ? `rejected row: ${rejected}`
        : `refused: ${refused?.endsWith('[]') ? '`to_json` it' : 'cast it'} in the query`
    return `| ${type} | \`${sql}\` | ${what} |`
  })
  return ['| type | for example | Iterable gets |', '|---|---|---|', ...lines].join('\n')
}
