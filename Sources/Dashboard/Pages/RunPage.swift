// One run: how it is, when it ends, what it drew.

extension Frame {
  /// - Parameter tables: `run`, `why` (of the job that is next, where none is at work), `series`, `jobs`, `settings`,
  ///   `samplings`, `evaluations`, `checkpoints`
  package func runPage(_ tables: Tables) -> HTML {
    let run = tables["run"][0]
    let series = tables["series"]
    return document(
      title: run.text("name"), section: "", charts: true,
      """
      <section data-live="head">
      <h1>\(run.text("name")) <span class="number">run \(run.text("id"))</span> \(state(runState(run)))</h1>
      \(headline(run))\(waits(tables["why"]))\(deeds(run))\(run["note"].map { "<p class=\"note\">\($0)</p>\n" })</section>
      <div class="columns">
      <div class="wide">
      \(charts(run, series))</div>
      <div class="narrow">
      \(samples(run, tables["samplings"]))\(jobs(tables["jobs"]))\(evaluations(tables["evaluations"]))\
      \(settings(run, tables["settings"]))\(checkpoints(run, tables["checkpoints"]))\(commands(run))</div>
      </div>
      """)
  }

  /// Why nothing of the run is at work.
  private func waits(_ why: [Record]) -> HTML {
    guard let job = why.first?.text("job") else { return "" }
    let words = why.map { one -> HTML in
      "<b>\(one.text("reason"))</b>: \(sentence(one.text("detail"))) "
    }
    return """
      <p class="why"><a href="\(root)jobs/\(job)">job \(job)</a> (\(why[0].text("kind"))) waits. \(words)</p>

      """
  }

  private func deeds(_ run: Record) -> HTML {
    guard canAct, run["finished_at"] == nil else { return "" }
    let id = run.text("id")
    return """
      <p>\(run.text("state") == "paused" ? act("resume-run", id, "resume") : act("pause-run", id, "pause"))\
      \(act("cancel-run", id, "cancel"))</p>

      """
  }

  private func runState(_ run: Record) -> String {
    run.text("state") == "running" && run.text("job_state") == "running"
      ? "training" : run.text("state")
  }

  /// Step, loss, speed, time left, and where it is at work.
  private func headline(_ run: Record) -> HTML {
    var parts: [HTML] = []
    if let done = run.integer("done"), run["unit"] == "steps" {
      parts.append("step <b>\(count(done))</b> of \(count(run.integer("total")))")
    } else if let copy = run["progress"], run.text("job_state") == "running" {
      parts.append("<b>\(copy)</b>")
    }
    if let loss = run.number("loss") {
      parts.append(
        "loss <b>\(figure(loss))</b> <small>mean of \(counted(run.integer("loss_steps") ?? 1, "step"))</small>"
      )
    }
    if let speed = run.number("images_per_second") {
      parts.append("<b>\(figure(speed))</b> images/s")
    }
    if let left = run.number("left") { parts.append("ends in about <b>\(duration(left))</b>") }
    if let spent = run.number("seconds"), run["finished_at"] != nil {
      parts.append("took <b>\(duration(spent))</b>")
    }
    if let worker = run["worker_name"], run.text("job_state") == "running" {
      let isLost = run["lost_at"] != nil
      let last: HTML =
        isLost
        ? "<strong class=\"bad\">no beat</strong> \(moment(run["beat_at"], isAge: true))"
        : "beat \(beat(run))"
      parts.append("attempt <b>\(run.text("attempt"))</b> on <b>\(worker)</b>, \(last)")
    }
    if let step = run.integer("from_step"), let outcome = run["before"], step > 0 {
      let why = [
        "lost": "a lost machine", "preempted": "a preemption", "fault": "a fault",
        "released": "a drain",
      ]
      parts.append("went on from step <b>\(count(step))</b> after \(why[outcome] ?? outcome)")
    }
    if let user = run["created_by"] {
      parts.append("by \(user), \(moment(run["created_at"], isAge: true))")
    }
    return "<p class=\"figures\">\(parts.map { "<span>\($0)</span> " as HTML })</p>\n"
  }

  private func jobs(_ jobs: [Record]) -> HTML {
    let all = jobs.first?.integer("of") ?? 0
    let rows = jobs.map { job -> HTML in
      """
      <tr><td class="n"><a href="\(root)jobs/\(job.text("id"))">\(job.text("id"))</a></td>\
      <td>\(job.text("kind"))\(job.integer("elements").map { " × \(count($0))" })</td>\
      <td>\(state(job.text("state")))</td><td>\(progress(job))</td></tr>

      """
    }
    return """
      <section data-live="jobs">
      \(panelHead(all > jobs.count ? "Jobs: \(jobs.count) of \(count(all))" : "Jobs", "jobs"))<div class="scroll" tabindex="0"><table class="rows">
      <thead><tr><th class="n">id</th><th>kind</th><th>state</th><th>progress</th></tr></thead>
      <tbody>
      \(rows)</tbody></table></div>
      </section>

      """
  }

  private func evaluations(_ rows: [Record]) -> HTML {
    guard !rows.isEmpty else { return "" }
    let lines = rows.map { one -> HTML in
      """
      <tr><td>\(one.text("metric"))</td><td class="n"><b>\(figure(one.number("value")))</b></td>\
      <td class="ruler">\(count(one.integer("images"))) images\(one["reference"].map { ", \($0)" })\
      \(one["step"].map { ", step \(count(Int64($0)))" })</td></tr>

      """
    }
    return """
      <section data-live="evaluations">
      \(panelHead("Evaluations", "evaluations"))<div class="scroll" tabindex="0"><table class="rows">
      <thead><tr><th>metric</th><th class="n">value</th><th>ruler</th></tr></thead>
      <tbody>
      \(lines)</tbody></table></div>
      </section>

      """
  }

  private func settings(_ run: Record, _ rows: [Record]) -> HTML {
    let lines = rows.map { one -> HTML in
      """
      <tr><td>\(one.text("name"))</td><td class="n"><b>\(one.text("value"))</b></td>\
      <td class="n ruler">\(one.text("preset_value"))</td></tr>

      """
    }
    let table: HTML = """
      <div class="scroll" tabindex="0"><table class="rows">
      <thead><tr><th>setting</th><th class="n">here</th><th class="n">in \(run["preset"] ?? "the preset")</th></tr></thead>
      <tbody>
      \(lines)</tbody></table></div>
      """
    return """
      <section>
      \(panelHead("Not the preset's", "settings"))\(rows.isEmpty ? "<p class=\"none\">All settings are those of the preset.</p>" : table)
      </section>

      """
  }

  private func checkpoints(_ run: Record, _ rows: [Record]) -> HTML {
    guard !rows.isEmpty else { return "" }
    let lines = rows.map { one -> HTML in
      """
      <tr><td class="n">\(count(one.integer("step")))</td><td class="n">\(size(one.integer("bytes")))</td>\
      <td>\(moment(one["registered_at"], isAge: true))</td><td class="n"><a href="\(root)jobs/\(one.text("job_id"))">\
      \(one.text("job_id"))</a></td></tr>

      """
    }
    return """
      <section data-live="checkpoints">
      \(panelHead("Checkpoints", "checkpoints"))<div class="scroll" tabindex="0"><table class="rows">
      <thead><tr><th class="n">step</th><th class="n">size</th><th>saved</th><th class="n">job</th></tr></thead>
      <tbody>
      \(lines)</tbody></table></div>
      <p>Files to fetch are on the page of the job, or <code>pra export checkpoint \(run.text("id")) -o run-\(run.text("id")).safetensors</code></p>
      </section>

      """
  }

  private func commands(_ run: Record) -> HTML {
    let id = run.text("id")
    return """
      <section>
      <div class="head"><h2>In the terminal</h2></div>
      <pre class="commands">pra config \(id) > again.yaml &amp;&amp; pra run again.yaml
      pra watch \(id)
      pra logs --run \(id) -f
      pra plot \(id) -o loss.svg
      pra images \(id) -o grid.png
      pra evaluations \(id)</pre>
      </section>

      """
  }
}

/// How far a job is, or why it is not at work, in a cell of a table.
func progress(_ job: Record) -> HTML {
  if job["state"]?.hasPrefix("lost") ?? false {
    return "<strong class=\"bad\">no beat \(moment(job["lost_at"], isAge: true))</strong>"
  }
  if let elements = job.integer("elements"), elements > 0 {
    let done = job.integer("elements_done") ?? 0
    var words = "\(count(done)) of \(count(elements)) done"
    if let running = job.integer("elements_running"), running > 0 {
      words += ", \(count(running)) at work"
    }
    if let bad = job.integer("elements_bad"), bad > 0 { words += ", \(count(bad)) failed" }
    return "\(bar(Double(done) / Double(elements)))\(words)"
  }
  if job.text("state") == "running", let total = job.integer("total"), total > 0 {
    let done = job.integer("done") ?? 0
    if job.text("unit").hasPrefix("bytes") {
      return "\(bar(Double(done) / Double(total)))\(job.text("progress"))"
    }
    return
      "\(bar(Double(done) / Double(total)))\(count(done)) / \(count(total)) \(job.text("unit"))"
  }
  if let parents = job["waits_for"], !parents.isEmpty, job.text("state") == "blocked" {
    return "waits for \(parents)"
  }
  if let message = job["message"] {
    return "<span class=\"reason\">\(String(message.prefix(160)))</span>"
  }
  if let total = job.integer("total"), let unit = job["unit"], !unit.hasPrefix("bytes") {
    return "\(count(total)) \(unit)"
  }
  return ""
}
