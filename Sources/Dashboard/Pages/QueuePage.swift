// The queue: what waits and why, what runs, what failed.

extension Frame {
  /// - Parameter tables: `counts`, `waiting`, `running`, `failed`, `limits`, `preemptions`, `schedules`
  package func queuePage(_ tables: Tables) -> HTML {
    document(
      title: "queue", section: "queue",
      """
      <h1>Queue</h1>
      <section data-live="counts">\(counts(tables["counts"][0], tables["waiting"]))</section>
      \(many)\
      \(waiting(tables["waiting"]))\(running(tables["running"]))\(failed(tables["failed"]))\
      \(limits(tables["limits"]))\(preemptions(tables["preemptions"]))\(schedules(tables["schedules"]))
      """)
  }

  private func counts(_ counts: Record, _ waiting: [Record]) -> HTML {
    let failed = counts.integer("failed") ?? 0
    let oldest = waiting.compactMap { $0.number("oldest_seconds") }.max()
    let blocked = waiting.filter { $0.text("reason").hasPrefix("dependency") }
      .reduce(0) { $0 + ($1.integer("jobs") ?? 0) }
    let total = waiting.reduce(0) { $0 + ($1.integer("jobs") ?? 0) }
    return """
      <p class="figures"><span>\(state("running")) <b>\(count(counts.integer("running")))</b></span> \
      <span>waiting <b>\(count(total))</b>\(blocked > 0 ? ", of these <b>\(count(blocked))</b> for other jobs" : "")</span> \
      <span>\(failed > 0 ? state("failed") : "failed"), last 24 h <b>\(count(failed))</b></span> \
      <span>slots <b>\(count(counts.integer("used")))</b> of <b>\(count(counts.integer("slots")))</b></span> \
      <span>longest wait <b>\(oldest.map { duration($0) } ?? "none")</b></span></p>

      """
  }

  private func waiting(_ rows: [Record]) -> HTML {
    let lines = rows.map { one -> HTML in
      """
      <tr><td class="n">\(count(one.integer("jobs")))</td><td><b>\(one.text("reason"))</b>: \(sentence(one.text("detail"))) \
      <span class="ruler">as job <a href="\(root)jobs/\(one.text("example_job"))">\(one.text("example_job"))</a></span></td>\
      <td>\(remedy(one))</td><td class="n">\(duration(one.number("oldest_seconds")))</td></tr>

      """
    }
    let table: HTML = """
      <div class="scroll" tabindex="0"><table class="rows stack">
      <thead><tr><th class="n">jobs</th><th>why</th><th>what would change it</th><th class="n">oldest</th></tr></thead>
      <tbody>
      \(lines)</tbody></table></div>
      """
    return """
      <section data-live="waiting">
      \(panelHead("What waits, and why", "waiting"))\(rows.isEmpty ? "<p class=\"none\">No job waits.</p>" : table)
      </section>

      """
  }

  private func remedy(_ group: Record) -> HTML {
    let words = sentence(group.text("remedy"))
    guard canAct else { return words }
    if group.text("reason").contains("run-paused"), let run = group["run_id"] {
      return "\(act("resume-run", run, "resume run \(run)")) \(words)"
    }
    if group.text("reason").contains("queue-paused"), let queue = group["queue"] {
      return "\(act("resume-queue", queue, "resume queue")) \(words)"
    }
    return words
  }

  /// A form for a deed on many jobs, which asks first and says how many.
  private var many: HTML {
    guard canAct else { return "" }
    return """
      <form class="filter" action="\(root)act"><label>jobs <input name="target" size="30" \
      placeholder="run=5 kind=sample state=ready"></label> \
      <button name="verb" value="cancel-jobs">cancel them</button> \
      <button name="verb" value="retry-jobs">retry them</button></form>

      """
  }

  /// A button that asks first; nothing where the server only reads.
  func act(_ verb: String, _ target: String, _ words: String) -> HTML {
    guard canAct else { return "" }
    return """
      <form class="act" action="\(root)act"><input type="hidden" name="verb" value="\(verb)">\
      <input type="hidden" name="target" value="\(target)"><button>\(words)</button></form>
      """
  }

  private func running(_ rows: [Record]) -> HTML {
    let lines = rows.map { job -> HTML in
      """
      <tr><td class="n"><a href="\(root)jobs/\(job.text("id"))">\(job.text("id"))</a></td>\
      <td><a href="\(root)runs/\(job.text("run_id"))">\(job.text("run_name"))</a></td>\
      <td>\(job.text("kind"))\(job.isTrue("gang") ? ", gang" : "")</td><td>\(job.text("workers"))</td>\
      <td>\(progress(job))</td><td class="n">\(duration(job.number("left")))</td>\
      <td class="n">\(job.text("attempt"))</td><td>\(beat(job))</td></tr>

      """
    }
    let table: HTML = """
      <div class="scroll" tabindex="0"><table class="rows stack">
      <thead><tr><th class="n">job</th><th>run</th><th>kind</th><th>worker</th><th>progress</th><th class="n">left</th>\
      <th class="n">attempt</th><th>beat</th></tr></thead>
      <tbody>
      \(lines)</tbody></table></div>
      """
    return """
      <section data-live="running">
      \(panelHead("What runs", "running"))\(rows.isEmpty ? "<p class=\"none\">Nothing runs.</p>" : table)
      </section>

      """
  }

  private func failed(_ rows: [Record]) -> HTML {
    let lines = rows.map { job -> HTML in
      """
      <tr><td class="n"><a href="\(root)jobs/\(job.text("id"))">\(job.text("id"))</a></td>\
      <td><a href="\(root)runs/\(job.text("run_id"))">\(job.text("run_name"))</a></td><td>\(job.text("kind"))</td>\
      <td>\(state(job.text("state")))</td><td class="reason">\(job.text("reason")) \
      <a href="\(root)jobs/\(job.text("id"))/log">log</a></td><td>\(moment(job["finished_at"], isAge: true))</td>\
      <td>\(act("retry-job", job.text("id"), "retry"))</td></tr>

      """
    }
    let table: HTML = """
      <div class="scroll" tabindex="0"><table class="rows stack">
      <thead><tr><th class="n">job</th><th>run</th><th>kind</th><th>state</th><th>reason</th><th>when</th>\
      <th><span class="hidden">act</span></th></tr></thead>
      <tbody>
      \(lines)</tbody></table></div>
      """
    return """
      <section data-live="failed">
      \(panelHead("Failed in the last 24 hours", "failed"))\(rows.isEmpty ? "<p class=\"none\">Nothing failed.</p>" : table)
      </section>

      """
  }

  private func limits(_ rows: [Record]) -> HTML {
    guard !rows.isEmpty else { return "" }
    let lines = rows.map { one -> HTML in
      """
      <tr><td>\(one.text("name"))</td><td class="n">\(one.text("taken")) of \(one.text("slots"))</td>\
      <td>\(jobLinks(one.text("held_by")))</td></tr>

      """
    }
    return """
      <section data-live="limits">
      \(panelHead("Limits", "limits"))<div class="scroll" tabindex="0"><table class="rows stack">
      <thead><tr><th>limit</th><th class="n">taken</th><th>held by jobs</th></tr></thead>
      <tbody>
      \(lines)</tbody></table></div>
      </section>

      """
  }

  private func preemptions(_ rows: [Record]) -> HTML {
    guard !rows.isEmpty else { return "" }
    let lines = rows.map { one -> HTML in
      """
      <tr><td class="n"><a href="\(root)jobs/\(one.text("job_id"))">\(one.text("job_id"))</a></td>\
      <td>\(one.text("state"))</td><td>\(one.text("reason"))</td><td>\(one.text("requested_by"))</td>\
      <td>\(moment(one["requested_at"], isAge: true))</td><td>\(moment(one["deadline"]))</td></tr>

      """
    }
    return """
      <section data-live="preemptions">
      \(panelHead("Asked to give way, not yet gone", "preemptions"))<div class="scroll" tabindex="0"><table class="rows stack">
      <thead><tr><th class="n">job</th><th>state</th><th>reason</th><th>by</th><th>asked</th><th>taken away at</th></tr></thead>
      <tbody>
      \(lines)</tbody></table></div>
      </section>

      """
  }

  private func schedules(_ rows: [Record]) -> HTML {
    guard !rows.isEmpty else { return "" }
    let lines = rows.map { one -> HTML in
      """
      <tr><td>\(one.text("name"))</td><td><code>\(one.text("cron"))</code> \(one.text("time_zone"))</td>\
      <td>\(one.text("kind"))</td><td>\(one["paused_at"] == nil ? moment(one["next_at"]) : state("paused"))</td>\
      <td class="reason">\(one.text("last_error"))</td></tr>

      """
    }
    return """
      <section data-live="schedules">
      \(panelHead("Schedules", "schedules"))<div class="scroll" tabindex="0"><table class="rows stack">
      <thead><tr><th>name</th><th>times</th><th>kind</th><th>next</th><th>last error</th></tr></thead>
      <tbody>
      \(lines)</tbody></table></div>
      </section>

      """
  }
}
