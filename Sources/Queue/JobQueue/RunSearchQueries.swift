// The search of runs, as `pra runs` and the dashboard make it.

import Postgres

/// Which runs are listed, and in which order: what is empty or nil leaves none out.
package struct RunSearch: Sendable {
  package typealias Condition = (setting: String, comparison: String, value: String)

  /// States that a run may have; `lost` says that a worker of it was lost and nobody has taken its job back.
  package static let allStates = [
    "empty", "pending", "running", "lost", "paused", "blocked", "succeeded", "failed", "cancelled",
  ]

  package var states: [String] = []
  /// A part of the name.
  package var name: String?
  package var users: [String] = []
  /// Tags of which a run has all.
  package var tags: [String] = []
  /// Conditions on places in stored configurations. Numbers are compared as such, other texts by `=` and `!=`.
  package var conditions: [Condition] = []
  /// The runs that meet conditions on figures.
  package var among: [Int64]?
  /// The runs that have the figure of the order, the best first; runs without it come after them.
  package var ranked: [Int64]?
  /// The place of the setting of the order, the least first.
  package var orderSetting: String?
  /// The run before which the list begins, where it has no other order than that of the newest.
  package var before: Int64?
  package var offset: Int64 = 0
  package var limit: Int64
  /// Whether archived runs are listed too, and whether the deleted ones are, alone.
  package var isArchived = false
  package var isDeleted = false

  package init(limit: Int64) { self.limit = limit }

  /// The parameters of `RunSearchQueries.page`.
  package var parameters: [Parameter] {
    [
      .texts(states), .optional(name) { .text($0) }, .texts(conditions.map(\.setting)),
      .texts(conditions.map(\.comparison)), .texts(conditions.map(\.value)),
      .optional(among) { .integers($0) }, .optional(ranked) { .integers($0) },
      .optional(orderSetting) { .text($0) }, .optional(before) { .integer($0) }, .integer(offset),
      .texts(users), .texts(tags), .boolean(isArchived), .boolean(isDeleted), .integer(limit),
    ]
  }
}

package enum RunSearchQueries {
  /// The numbers of the runs of a search, in its order.
  package static let page = """
    select p.id
    -- As an array the candidates have an order that the planner knows, so that states are looked at in it up to the last row
    -- of the page; and the jobs of a run are not counted for it to be left out.
    from unnest(array(
      select r.id
      from pra.runs as r
      left join unnest($7::bigint[]) with ordinality as o (id, place) on o.id = r.id
      where (r.deleted_at is not null) = $14::boolean
        and ($13::boolean or $14::boolean or r.archived_at is null)
        and ($9::bigint is null or r.id < $9::bigint)
        -- Indexes find the runs that may have a state that few have.
        and (not $1::text[] <@ '{pending,running,lost,paused}' or cardinality($1::text[]) = 0
          or r.id = any (array(select pra.active_runs())))
        and (not $1::text[] <@ '{failed,cancelled}' or cardinality($1::text[]) = 0 or exists (
          select from pra.jobs as j
          where j.run_id = r.id and j.state in ('failed', 'cancelled', 'quarantined')))
        and (not $1::text[] <@ '{blocked}' or cardinality($1::text[]) = 0 or exists (
          select from pra.jobs as j where j.run_id = r.id and j.state = 'blocked'))
        and (not $1::text[] <@ '{empty}' or cardinality($1::text[]) = 0 or not exists (
          select from pra.jobs as j where j.run_id = r.id))
        and ($2::text is null or strpos(lower(r.name), lower($2::text)) > 0)
        and (cardinality($11::text[]) = 0 or r.created_by = any ($11::text[]))
        and r.tags @> $12::text[]
        and ($6::bigint[] is null or r.id = any ($6::bigint[]))
      order by o.place nulls last, case
          when r.configuration #>> string_to_array($8::text, '.') ~ '^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$'
          then (r.configuration #>> string_to_array($8::text, '.'))::double precision end nulls last, r.id desc
    )) with ordinality as p (id, place)
    where (cardinality($1::text[]) = 0 or (
        select case when r.lost_at is not null then 'lost' else r.state end from pra.runs as r where r.id = p.id
      ) = any ($1::text[]))
      -- Settings are read up to the last row of the page, too.
      and (cardinality($3::text[]) = 0 or not exists (
        select from pra.runs as r
        cross join unnest($3::text[], $4::text[], $5::text[]) as w (name, operator, value)
        -- The name stands beside the configuration, and is a text whatever it looks like.
        cross join lateral (
          select case when w.name = 'name' then r.name else r.configuration #>> string_to_array(w.name, '.') end as text
        ) as l
        cross join lateral (
          select
            case when l.text ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$' then l.text::double precision end
              as left_side,
            case when w.value ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$' then w.value::double precision end
              as right_side
        ) as n
        where r.id = p.id and not coalesce(
          case
            when w.name <> 'name' and n.left_side is not null and n.right_side is not null then case w.operator
              when '<' then n.left_side < n.right_side when '<=' then n.left_side <= n.right_side
              when '>' then n.left_side > n.right_side when '>=' then n.left_side >= n.right_side
              when '=' then n.left_side = n.right_side else n.left_side <> n.right_side end
            when w.operator = '=' then l.text = w.value
            when w.operator = '!=' then l.text is distinct from w.value
          end, false)))
    order by p.place
    offset $10::bigint limit $15::bigint
    """

  /// Runs that have the figure $1, the best first; with $2 those whose figure meets a condition.
  package static let byFigure = """
    select f.run as run_id
    from pra.run_figures(name => $1) as f
    where f.value is not null and case $2::text
      when '<' then f.value < $3::double precision when '<=' then f.value <= $3::double precision
      when '>' then f.value > $3::double precision when '>=' then f.value >= $3::double precision
      when '=' then f.value = $3::double precision when '!=' then f.value <> $3::double precision
      else true end
    order by f.value * case pra.better($1) when 'up' then -1 else 1 end, f.run desc
    """

  /// Names of the figures that some run has.
  package static let figureNames = "select name from pra.figure_names() as f (name) order by 1"

  /// The leaves of the stored configurations of runs; `config.` is left out, as in --set.
  package static let settings = """
    with recursive setting (run_id, name, value) as (
      select r.id, c.key, c.value
      from pra.runs as r
      cross join jsonb_each(
        (r.configuration - 'config') || coalesce(r.configuration -> 'config', '{}')) as c
      where r.id = any ($1::bigint[])
      union all
      select s.run_id, s.name || '.' || c.key, c.value
      from setting as s
      cross join jsonb_each(case jsonb_typeof(s.value) when 'object' then s.value else '{}' end) as c
    )
    select name, run_id, value::text as value from setting where jsonb_typeof(value) <> 'object'
    union all
    select 'code', id, to_json(code_version)::text from pra.runs where id = any ($1::bigint[])
    union all
    select 'data', id, to_json(left(data_fingerprint, 12))::text
    from pra.runs where id = any ($1::bigint[])
    order by 1, 2
    """
}
