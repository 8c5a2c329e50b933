// The JSON of the reading verbs: one name for one thing, whichever verb prints it (docs/json.md).

import Files
import Postgres

/// The kinds of things whose number a list calls `id` in SQL and by its own name in JSON.
enum Subject: String { case run, job, worker }

extension Connection {
  /// A query's rows as a JSON array of objects whose keys are those of every verb: a number has the name of what it
  /// numbers (`run`, `job`, `worker`) in place of `id` and `run_id`, and an attempt is no `epoch`.
  func documents(_ query: String, _ parameters: [Parameter] = [], of subject: Subject? = nil) throws
    -> String
  {
    let place = "$\(parameters.count + 1)::text"
    return try self.query(
      """
      select coalesce('[' || string_agg(d.document, E',\\n ' order by r.place) || ']', '[]') as json
      from (
        select row_to_json(rows) as document, row_number() over () as place from (
      \(query)
        ) as rows
      ) as r
      cross join lateral (
        select '{' || string_agg(to_json(k.key)::text || ':' || m.value::text, ',' order by m.place) || '}' as document
        from json_each(r.document) with ordinality as m (key, value, place)
        cross join lateral (
          select case
            when m.key = 'id' then coalesce(\(place), m.key)
            when m.key = 'name' and \(place) in ('run', 'worker') then \(place) || '_name'
            else replace(regexp_replace(m.key, '_id$', ''), 'epoch', 'attempt') end as key
        ) as k
      ) as d
      """, parameters + [.optional(subject) { .text($0.rawValue) }]
    ).single().string("json")
  }
}

extension JSONText {
  /// The members that name a run.
  static func members(of run: NamedRun) -> [(String, String)] {
    [("run", String(run.id)), ("run_name", string(run.name))]
  }

  /// The members that name one run, or the numbers of several.
  static func members(of runs: [NamedRun]) -> [(String, String)] {
    runs.count == 1 ? members(of: runs[0]) : [("runs", array(runs.map { String($0.id) }))]
  }
}
