/**
 * DuckDB macros that turn the text of a JSON value into a typed one. `v` is a value as `read_json` gives it: with a
 * column of type JSON its JSON text (a string keeps its quotes), with VARCHAR the bare text of a scalar.
 *
 * `drift(c)` stops the statement: the value fits the column's type no longer, and the careful path widens the column.
 */
import { lineLimits } from '../json/limits.ts'

/** The statements that make them, for each connection. */
export const macros: readonly string[] = [
  `create or replace temp macro drift(c) as error('drift:' || c)`,

  // Whole numbers only, every digit kept: try_cast alone would round 1.5. A string has its quotes and fails.
  `create or replace temp macro json_bigint(v) as
     case when not contains(v::varchar, '.') and not contains(v::varchar, 'e') then try_cast(v::varchar as bigint) end`,

  // A double holds whole numbers exactly up to 2^53 only; NaN and Infinity are not JSON.
  `create or replace temp macro json_double(v) as
     case when regexp_full_match(v::varchar, '-?[0-9].*') and isfinite(try_cast(v::varchar as double))
         and (abs(try_cast(v::varchar as double)) < 9007199254740992 or contains(v::varchar, '.') or contains(v::varchar, 'e'))
       then try_cast(v::varchar as double) end`,

  `create or replace temp macro json_boolean(v) as
     case v::varchar when 'true' then true when 'false' then false end`,

  // The bare text of a JSON value: a string loses its quotes and escapes, other scalars stay as they are.
  `create or replace temp macro json_text(v) as
     case when starts_with(v::varchar, '"') then v ->> '$' else v::varchar end`,

  // By comparison, which looks at the first bytes only.
  `create or replace temp macro is_nested(v) as
     ((v::varchar >= '{' and v::varchar < '|') or (v::varchar >= '[' and v::varchar < '\\'))`,

  // DuckDB takes NaN and Infinity (in any case) and trailing commas for JSON. Most texts are cleared by a plain search;
  // what is left is looked at without its strings.
  `create or replace temp macro is_lax_json(v) as
     case when contains(v, ',]') or contains(v, ',}')
         or ((contains(lower(v), 'nan') or contains(lower(v), 'inf'))
           and regexp_matches(v, '(?i)(^|[:\\[,])\\s*-?(nan|inf)'))
         or ((contains(v, ', ') or contains(v, chr(10)) or contains(v, chr(9)) or contains(v, chr(13)))
           and regexp_matches(v, ',\\s+[\\]}]'))
       then regexp_matches(regexp_replace(v, '"([^"\\\\]|\\\\.)*"', '""', 'g'), '(?i)nan|inf|,\\s*[\\]}]')
       else false end`,

  // Nested deeper than a line may be. Few texts have so many brackets at all; of those that do, what is nested up to ten
  // levels deep is taken away first, for the count costs 20 µs a bracket (measured).
  `create or replace temp macro brackets_of(v) as
     regexp_replace(regexp_replace(v, '"([^"\\\\]|\\\\.)*"', '', 'g'), '[^\\[\\]{}]+', '', 'g')`,
  `create or replace temp macro without_inner(b) as regexp_replace(b, '\\[\\]|\\{\\}', '', 'g')`,
  `create or replace temp macro without_five(b) as
     without_inner(without_inner(without_inner(without_inner(without_inner(b)))))`,
  `create or replace temp macro bracket_depth(brackets) as
     list_reduce(
       list_transform(string_split(brackets, ''),
         lambda bracket: {'now': case when bracket in ('[', '{') then 1 else -1 end, 'most': 1}),
       lambda before, next: {'now': before.now + next.now, 'most': greatest(before.most, before.now + next.now)}
     ).most`,
  `create or replace temp macro is_deep_rest(b) as
     case when strlen(b) <= ${lineLimits.depth} then false
       when strlen(b) > 100 * ${lineLimits.depth} then true
       else bracket_depth(b) > ${lineLimits.depth} - 10 end`,
  `create or replace temp macro is_deep_json(v) as
     case when strlen(v) <= 2 * ${lineLimits.depth}
         or strlen(v) - strlen(replace(replace(v, '[', ''), '{', '')) <= ${lineLimits.depth} then false
       else is_deep_rest(without_five(without_five(brackets_of(v)))) end`,

  // JSON inside text (transactionalData), read as VARCHAR; what is not JSON, or too deep, stays a JSON string.
  `create or replace temp macro json_embedded(v) as
     case when v is null then null
       when json_valid(v) and not is_lax_json(v) and not is_deep_json(v) then v::json
       else to_json(v) end`,

  // Iterable's spellings of a time: '2021-04-14 16:25:56 +00:00', ISO 8601, '….134105.000Z', date only, epoch
  // milliseconds. What has no zone is UTC. 'infinity' is not a time, though strptime takes it for one.
  `create or replace temp macro json_time(v) as
     coalesce(
       case when v >= '0' and v < ':' then try_strptime(v, '%Y-%m-%d %H:%M:%S %z') end,
       case when regexp_full_match(v, '-[0-9]{11,14}|[0-9]{11,15}') then make_timestamptz(try_cast(v as bigint) * 1000) end,
       case when v >= '0' and v < ':' then
         try_strptime(v, ['%Y-%m-%d %H:%M:%S.%f %z', '%Y-%m-%dT%H:%M:%S %z', '%Y-%m-%dT%H:%M:%S.%f %z']) end,
       -- Only what is ISO through and through: a cast looks up what it takes for the name of a zone, 190 µs a value.
       case when regexp_full_match(v, '[0-9]{4,6}-[0-9]{1,2}-[0-9]{1,2}([T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?')
         then try_cast(v as timestamptz) end,
       case when regexp_full_match(v, '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]+\\.[0-9]+Z')
         then try_cast(regexp_replace(v, '(\\.[0-9]+)\\.[0-9]+', '\\1') as timestamptz) end
     )`,

  // What a value asks of its column (`Kind`).
  `create or replace temp macro json_kind(v) as
     case when v is null then null
       when starts_with(v::varchar, '"') then 'text'
       when is_nested(v) then 'json'
       when json_boolean(v) is not null then 'boolean'
       when json_bigint(v) is not null then
         case when json_bigint(v) between -9007199254740991 and 9007199254740991 then 'bigint' else 'big' end
       when json_double(v) is not null then 'double'
       else 'text' end`,
]
