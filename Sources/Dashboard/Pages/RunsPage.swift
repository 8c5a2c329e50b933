// The list of runs: what is at work, what came out last.

extension Frame {
  /// - Parameters:
  ///   - tables: `runs`, and `changes`: the settings that are not the preset's
  ///   - error: a term of the filter that is wrong
  ///   - more: the query of the next page; nil on the last one
  package func runsPage(_ tables: Tables, error: String? = nil, more: Query? = nil) -> HTML {
    let changes = Dictionary(grouping: tables["changes"]) { $0.text("run_id") }
    let runs = tables["runs"]
    let rows = runs.map { row($0, changes[$0.text("id")] ?? []) }
    let filter: HTML = """
      <form class="filter" action="runs">
      <label>filter <input name="find" value="\(query["find"] ?? "")" size="36" \
      placeholder="method=pra lr>1e-3 state=failed emoji"></label>
      <label>sort by <input name="sort" value="\(query["sort"] ?? "")" size="22" \
      placeholder="loss, training.lr ..."></label>
      <button>show</button> \(query.items.isEmpty ? "" : "<a href=\"runs\">all runs</a>")
      </form>
      \(error.map { "<p class=\"message\" role=\"alert\">\($0)</p>" })
      """
    guard error == nil else {
      return document(title: "runs", section: "runs", "<h1>Runs</h1>\n\(filter)")
    }
    let table: HTML = """
      <div class="scroll" tabindex="0"><table class="rows stack runs">
      <thead><tr><th><span class="hidden">compare</span></th><th class="n">run</th><th>name</th><th>state</th>\
      <th>not the preset's</th><th class="n">loss</th><th>over its steps</th><th>best evaluation, and its ruler</th>\
      <th>enqueued</th><th class="n">time</th></tr></thead>
      <tbody>
      \(rows)</tbody>
      </table></div>
      """
    return document(
      title: "runs", section: "runs",
      """
      <h1>Runs</h1>
      \(filter)<form action="compare" id="chosen">
      <section data-live="runs">
      \(panelHead("\(counted(Int64(runs.count), "run"))\(query["find"] == nil ? "" : " found")", "runs", tools: """
        <button>compare ticked</button> 
        """))\(runs.isEmpty ? "<p class=\"none\">No run is like that.</p>" : table)</section>
      </form>
      \(more.map { "<p><a href=\"\($0.text)\" rel=\"next\">older runs</a></p>" })
      """)
  }

  private func row(_ run: Record, _ changes: [Record]) -> HTML {
    let id = run.text("id")
    let shown = changes.prefix(5).map { one -> HTML in
      "<span class=\"pair\">\(one.text("name").lastWord)=<b>\(one.text("value"))</b></span> "
    }
    let total = run.integer("total") ?? 0
    let progress: HTML =
      total > 0 && run.isTrue("is_training")
      ? "<br>\(bar(Double(run.integer("done") ?? 0) / Double(total)))" : ""
    let spark: HTML =
      run["job"].map {
        """
        <img class="spark" src="spark.svg?job=\($0)&amp;last=\(run.text("last_step"))" alt="" width="96" height="24" \
        loading="lazy">
        """
      } ?? ""
    return """
      <tr><td><input type="checkbox" name="runs" value="\(id)" aria-label="compare run \(id)"></td>\
      <td class="n">\(id)</td><td><a href="runs/\(id)">\(run.text("name"))</a>\
      \(run["tags"].map { $0.isEmpty ? "" : " <span class=\"tag\">\($0)</span>" })</td>\
      <td>\(state(run.text("state")))\(progress)</td>\
      <td class="pairs">\(shown)\(changes.count > 5 ? "and \(changes.count - 5) more" : "")</td>\
      <td class="n">\(figure(run.number("loss")))</td><td>\(spark)</td>\
      <td>\(best(run))</td>\
      <td>\(moment(run["created_at"], isAge: true))</td><td class="n">\(duration(run.number("seconds")))</td></tr>

      """
  }

  private func best(_ run: Record) -> HTML {
    guard let metric = run["metric"] else { return "" }
    return """
      <b>\(figure(run.number("value")))</b> \(metric) <span class="ruler">\(count(run.integer("images"))) images\
      \(run["reference"].map { " against \($0)" })</span>
      """
  }
}

extension String {
  /// The part of a key behind its last point, as in `lr` of `training.lr`.
  var lastWord: String { String(split(separator: ".").last ?? "") }
}
