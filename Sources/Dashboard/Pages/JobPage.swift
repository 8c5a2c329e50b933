// One job: what happened to it, and its log.

extension Frame {
  /// - Parameter tables: `job`, `why`, `attempts`, `files`
  package func jobPage(_ tables: Tables) -> HTML {
    let job = tables["job"][0]
    let id = job.text("id")
    let why = tables["why"].first { $0.text("reason") != "not-pending" }.map { why -> HTML in
      "<p class=\"why\"><b>\(why.text("reason"))</b>: \(sentence(why.text("detail")))</p>\n"
    }
    let isOver = job["finished_at"] != nil
    // A message that the reason of its waiting repeats is said once.
    let said = job["message"].flatMap { message in
      isOver || !tables["why"].contains { $0.text("reason").contains("lost") } ? message : nil
    }
    return document(
      title: "job \(id)", section: "",
      """
      <section data-live="head">
      <h1>\(job.text("kind")) <span class="number">job \(id)</span> \(state(job.text("state")))</h1>
      <p class="figures"><span>run <a href="\(root)runs/\(job.text("run_id"))">\(job.text("run_name"))</a></span> \
      <span>queue \(job.text("queue")), priority \(job.text("priority"))</span> \
      <span>enqueued by \(job.text("created_by")), \(moment(job["created_at"], isAge: true))</span> \
      \(job["message"] == nil ? figures(progress(job)) : "")<span><a href="\(root)jobs/\(id)/log">log</a></span></p>
      \(isOver ? "" : why)\(said.map { "<p class=\"message\">\($0)</p>\n" })\
      <p>\(isOver ? "" : act("cancel-job", id, "cancel"))\(job.text("state").isRetryable ? act("retry-job", id, "retry") : "")\
      \(job.text("state") == "running" ? act("preempt-job", id, "preempt") : "")\(isOver ? "" : priority(job, id))</p>
      </section>
      \(attempts(tables["attempts"], id))\(files(tables["files"], id))\(facts(job))
      """)
  }

  private func figures(_ words: HTML) -> HTML { words.isEmpty ? "" : "<span>\(words)</span> " }

  private func priority(_ job: Record, _ id: String) -> HTML {
    guard canAct else { return "" }
    return """
      <form class="act" action="\(root)act"><input type="hidden" name="target" value="\(id)"><label>priority \
      <input type="number" name="to" min="-1000000" max="1000000" value="\(job.text("priority"))"></label> \
      <button name="verb" value="set-priority">set</button></form>
      """
  }

  private func files(_ rows: [Record], _ id: String) -> HTML {
    guard !rows.isEmpty else { return "" }
    let lines = rows.map { one -> HTML in
      """
      <tr><td><a href="\(root)files/\(one.text("sha256"))?job=\(id)" download>\(one.text("name"))</a></td>\
      <td class="n">\(size(one.integer("size")))</td><td>\(one.text("media_type"))</td>\
      <td class="ruler"><code>\(String(one.text("sha256").prefix(12)))</code></td></tr>

      """
    }
    return """
      <section data-live="files">
      \(panelHead("Files", "files"))<div class="scroll" tabindex="0"><table class="rows stack">
      <thead><tr><th>name</th><th class="n">size</th><th>type</th><th>SHA-256</th></tr></thead>
      <tbody>
      \(lines)</tbody></table></div>
      </section>

      """
  }

  private func attempts(_ rows: [Record], _ id: String) -> HTML {
    let span =
      rows.map { ($0.number("after_seconds") ?? 0) + ($0.number("seconds") ?? 0) }.max() ?? 0
    let lines = rows.map { one -> HTML in
      var end = one["outcome"] ?? "runs"
      if let code = one["exit_code"] { end += ", exit \(code)" }
      if let signal = one["exit_signal"] { end += ", signal \(signal)" }
      if let cause = one["cause"] { end += " (\(cause))" }
      let went = one.integer("from_step").map { step -> HTML in
        one["continues_epoch"].map { "from step \(count(step)) of attempt \($0)" }
          ?? "from step \(count(step))"
      }
      return """
        <tr><td class="n">\(one.text("epoch"))</td><td>\(one.text("worker_name"))\(one["host"].map { " on \($0)" })</td>\
        <td>\(moment(one["started_at"]))</td>\
        <td>\(line(one, span))\(duration(one.number("seconds")))</td>\
        <td>\(end)</td><td>\(went)</td><td class="reason">\(one.text("message"))</td>\
        <td><a href="\(root)jobs/\(id)/log?attempt=\(one.text("epoch"))">log</a></td></tr>

        """
    }
    let table: HTML = """
      <div class="scroll" tabindex="0"><table class="rows stack">
      <thead><tr><th class="n">attempt</th><th>worker</th><th>begun</th><th>time</th><th>end</th><th>went on</th>\
      <th>reason</th><th>log</th></tr></thead>
      <tbody>
      \(lines)</tbody></table></div>
      """
    return """
      <section data-live="attempts">
      \(panelHead("Attempts", "attempts"))\(rows.isEmpty ? "<p class=\"none\">No worker has claimed it yet.</p>" : table)
      </section>

      """
  }

  /// When an attempt ran, on a line of all of them.
  private func line(_ attempt: Record, _ span: Double) -> HTML {
    guard span > 0, let start = attempt.number("after_seconds") else { return "" }
    let length = max(1, 100 * (attempt.number("seconds") ?? 0) / span)
    let isGood = ["", "succeeded", "preempted", "released"].contains(attempt.text("outcome"))
    return """
      <svg class="span\(isGood ? "" : " bad")" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect \
      x="\(fixed(min(99, 100 * start / span), digits: 1))" y="0" width="\(fixed(length, digits: 1))" height="8"></rect></svg>
      """
  }

  private func facts(_ job: Record) -> HTML {
    let shown = [
      ("waits for jobs", "depends_on"), ("needs of a worker", "requirements"), ("limits", "limits"),
      ("time limit", "time_limit"), ("deadline", "deadline"),
      ("faults, of so many retries", "faults"),
      ("lost machines, of so many retries", "lost"), ("preemptions", "preemptions"),
      ("hosts it crashed on", "crash_hosts"),
    ]
    let lines = shown.compactMap { title, column -> HTML? in
      guard let value = job[column], !value.isEmpty else { return nil }
      let words: HTML = column == "depends_on" ? jobLinks(value) : "\(value)"
      return "<tr><th scope=\"row\">\(title)</th><td>\(words)</td></tr>\n"
    }
    let result = job["result"].map {
      "<div class=\"head\"><h2>Result</h2></div><pre>\($0)</pre>\n" as HTML
    }
    return """
      <section>
      \(panelHead("Arguments and limits", "job"))<div class="scroll" tabindex="0"><table class="rows facts"><tbody>
      \(lines)</tbody></table></div>
      \(arguments(job.text("arguments")))\
      \(result)</section>

      """
  }

  /// The arguments, folded where they would fill the page.
  private func arguments(_ text: String) -> HTML {
    let lines = text.split(separator: "\n").count
    return """
      <details\(lines <= 40 ? " open" : "")><summary>arguments, \(counted(Int64(lines), "line"))</summary>
      <pre>\(text)</pre></details>

      """
  }

  /// The end of a log, or a part of it.
  ///
  /// - Parameters:
  ///   - text: as it was printed
  ///   - attempt: number of the attempt, of so many
  ///   - before: the chunk before the first one that is shown, where there are more
  ///   - isAtEnd: whether it is the end of the log, which grows
  package func logPage(
    job: Record, text: String, attempt: Int64, attempts: Int64, before: Int64?, isAtEnd: Bool,
    bytes: Int64
  ) -> HTML {
    let id = job.text("id")
    let find = query["find"]
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let shown =
      find.map { word in lines.filter { $0.lowercased().contains(word.lowercased()) } } ?? lines
    let marked = shown.map { line -> HTML in
      let isMark = line.hasPrefix("==") || line.hasPrefix("stage ") || line.hasPrefix("pra:")
      return isMark ? "<b class=\"mark\">\(String(line))</b>\n" : "\(String(line))\n"
    }
    let others = (1...max(1, attempts)).suffix(20).map { number -> HTML in
      number == attempt ? "<b>\(number)</b> " : "<a href=\"?attempt=\(number)\">\(number)</a> "
    }
    return document(
      title: "log of job \(id)", section: "",
      """
      <h1>log of <a href="\(root)jobs/\(id)">\(job.text("kind")) \(id)</a> \(state(job.text("state")))</h1>
      <form class="filter"><input type="hidden" name="attempt" value="\(attempt)"><label>find \
      <input name="find" value="\(find ?? "")" size="24"></label> <button>show</button> attempt \(others) · \
      \(size(bytes)) · <a href="\(query.with("form", "text").text)">plain text</a></form>
      \(find.map { "<p class=\"legend\">\(counted(Int64(shown.count), "line")) with \"\($0)\" in this part</p>" })
      \(before.map { "<p><a href=\"\(query.with("before", String($0)).text)\">▴ what was printed before</a></p>" })
      <section data-live="log"\(isAtEnd ? " data-follow=\"1\"" : "")>\
      \(text.isEmpty ? "<p class=\"none\">Nothing has been printed yet.</p>" : "<pre class=\"log\">\(marked)</pre>")</section>
      \(isAtEnd ? "" : "<p><a href=\"\(query.with("before", nil).text)\">▾ the end</a></p>")
      """)
  }
}

extension String {
  fileprivate var isRetryable: Bool { ["failed", "cancelled", "quarantined"].contains(self) }
}
