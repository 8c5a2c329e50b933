// The fleet: which workers live, what they do, what no one of them could take.

extension Frame {
  /// - Parameters:
  ///   - tables: `workers`, `hosts` (those that are blamed), `lost` (time, by machine), `untaken` (groups of waiting jobs, of
  ///     which those are shown that no live worker could take)
  ///   - version: of this program; another one is marked
  package func workersPage(_ tables: Tables, version: String) -> HTML {
    let workers = tables["workers"]
    let live = workers.filter {
      ["live", "draining", "paused", "blamed"].contains($0.text("state"))
    }
    let used = live.reduce(0) { $0 + ($1.integer("running") ?? 0) }
    let slots = live.reduce(0) { $0 + ($1.integer("slots") ?? 0) }
    let table: HTML = """
      <div class="scroll" tabindex="0"><table class="rows stack">
      <thead><tr><th class="n">id</th><th>name</th><th>state</th><th>slots</th><th>beat</th><th>kinds, queues</th>\
      <th>labels</th><th>version</th><th>note</th><th><span class="hidden">act</span></th></tr></thead>
      <tbody>
      \(workers.map { row($0, version) })</tbody></table></div>
      """
    return document(
      title: "workers", section: "workers",
      """
      <h1>Workers</h1>
      <section data-live="workers">
      <p class="figures"><span>\(state("live")) <b>\(live.count)</b></span> <span>slots <b>\(used)</b> of <b>\(slots)</b></span></p>
      \(panelHead("Workers", "workers"))\(workers.isEmpty ? "<p class=\"none\">No worker is registered; <code>pra worker</code> starts one.</p>" : table)
      </section>
      \(blamed(tables["hosts"]))\(lost(tables["lost"]))\(untaken(tables["untaken"]))
      """)
  }

  private func row(_ worker: Record, _ version: String) -> HTML {
    let isOld = worker.text("version") != version
    let slots = worker.integer("slots") ?? 0
    let running = worker.integer("running") ?? 0
    let id = worker.text("id")
    let deed: HTML =
      switch worker.text("state") {
      case "lost", "stopped": ""
      case "draining": act("undrain-worker", id, "undrain")
      default: act("drain-worker", id, "drain")
      }
    return """
      <tr><td class="n">\(worker.text("id"))</td><td>\(worker.text("name"))</td><td>\(state(worker.text("state")))</td>\
      <td>\(bar(slots > 0 ? Double(running) / Double(slots) : nil))\(running) of \(slots)</td>\
      <td>\(beat(worker)) \
      <span class="ruler">lease \(duration(worker.number("lease_seconds")))</span></td>\
      <td>\(worker.text("kinds")) <span class="ruler">\(worker.text("queues"))</span></td>\
      <td class="pairs">\(worker.text("labels"))</td>\
      <td>\(isOld ? "<strong class=\"bad\">\(worker.text("version")), this is \(version)</strong>" : "\(worker.text("version"))")</td>\
      <td class="reason">\(worker.text("note"))</td>\
      <td>\(deed)</td></tr>

      """
  }

  private func blamed(_ rows: [Record]) -> HTML {
    guard !rows.isEmpty else { return "" }
    let lines = rows.map { one -> HTML in
      """
      <tr><td>\(one.text("host"))</td><td class="reason">\(one.text("reason"))</td><td>\(moment(one["blamed_at"], isAge: true))</td>\
      <td>\(moment(one["until"]))</td><td><code>pra forgive \(one.text("host"))</code></td></tr>

      """
    }
    return """
      <section data-live="hosts">
      \(panelHead("Blamed hosts", "hosts"))<div class="scroll" tabindex="0"><table class="rows stack">
      <thead><tr><th>host</th><th>crashes</th><th>since</th><th>until</th><th>to lift it</th></tr></thead>
      <tbody>
      \(lines)</tbody></table></div>
      </section>

      """
  }

  private func lost(_ rows: [Record]) -> HTML {
    let lines = rows.map { one -> HTML in
      """
      <tr><td>\(one.text("days") == "0" ? "today" : "yesterday") <span class="ruler">\(one.text("day"))</span></td>\
      <td><b>\(one.text("host"))</b></td><td class="n">\(duration(one.number("seconds")))</td>\
      <td class="n">\(count(one.integer("attempts")))</td><td>\(one.text("outcomes"))</td>\
      <td class="reason">\(one.text("reason"))</td>\
      <td class="n"><a href="\(root)jobs/\(one.text("job"))">\(one.text("job"))</a></td></tr>

      """
    }
    let table: HTML = """
      <div class="scroll" tabindex="0"><table class="rows stack">
      <thead><tr><th>day (UTC)</th><th>machine</th><th class="n">time</th><th class="n">attempts</th><th>ended as</th>\
      <th>last reason</th><th class="n">last job</th></tr></thead>
      <tbody>
      \(lines)</tbody></table></div>
      """
    let note: HTML = """
      <p class="legend">Whole attempts that were lost, failed or ran out of time; what a checkpoint has kept of one is not \
      taken off.</p>
      """
    return """
      <section data-live="lost">
      \(panelHead("Time that machines lost, today and yesterday", "lost"))\
      \(rows.isEmpty ? "<p class=\"none\">No attempt was lost, failed or ran out of time.</p>" : "\(table)\(note)")
      </section>

      """
  }

  private func untaken(_ waiting: [Record]) -> HTML {
    let rows = waiting.filter { group in
      ["no-worker", "no-matching-worker", "host-lacks"].contains {
        group.text("reason").contains($0)
      }
    }
    guard !rows.isEmpty else { return "" }
    let lines = rows.map { one -> HTML in
      """
      <tr><td class="n">\(count(one.integer("jobs")))</td><td>\(sentence(one.text("detail")))</td><td>\(sentence(one.text("remedy")))</td>\
      <td class="n"><a href="\(root)jobs/\(one.text("example_job"))">\(one.text("example_job"))</a></td></tr>

      """
    }
    return """
      <section data-live="untaken">
      \(panelHead("Jobs that no live worker could take", "untaken"))<div class="scroll" tabindex="0"><table class="rows stack">
      <thead><tr><th class="n">jobs</th><th>why</th><th>what would change it</th><th class="n">such as</th></tr></thead>
      <tbody>
      \(lines)</tbody></table></div>
      </section>

      """
  }
}
