// Runs side by side: which is better, by which ruler, and why.

extension Frame {
  /// - Parameters:
  ///   - tables: `runs`; `settings` (name, run_id, value); `figures` (name, run_id, value, better, ruler); `series`
  package func comparePage(_ tables: Tables) -> HTML {
    let runs = tables["runs"]
    let ids = runs.map { $0.text("id") }
    let heads = runs.map { run -> HTML in
      """
      <th scope="col"><a href="\(root)runs/\(run.text("id"))">\(run.text("name"))</a> \
      <span class="number">\(run.text("id"))</span></th>
      """
    }
    let isWhole = query["all"] == "1"
    let settings = lines(tables["settings"], ids).filter { line in
      isWhole || Set(line.values.map { $0?.text("value") }).count > 1
    }
    let settingRows = settings.map { line -> HTML in
      "<tr><th scope=\"row\">\(line.name)</th>\(line.values.map { "<td>\($0?.text("value").unquoted ?? "")</td>" as HTML })</tr>\n"
    }
    return document(
      title: "compare", section: "", charts: true,
      """
      <h1>Compare</h1>
      <form class="filter"><label>runs <input name="runs" value="\(ids.joined(separator: ","))" size="24"></label> \
      <button>show</button> <a href="\(root)images?runs=\(ids.joined(separator: ","))&amp;by=run">their images at the same noise</a></form>
      \(runs.count < 2 ? "<p class=\"message\">Name two runs or more, as in compare?runs=1,2; the list of runs has boxes to tick.</p>" : "")
      <section data-live="figures">
      \(panelHead("Figures", "figures"))<div class="scroll" tabindex="0"><table class="rows">
      <thead class="figures-head"><tr><th>figure</th>\(heads)</tr></thead>
      <tbody>
      \(figures(tables["figures"], ids))</tbody></table></div>
      </section>
      <section>
      \(panelHead("Settings that differ", "settings", tools: isWhole ? "<a href=\"\(query.with("all", nil).text)\">only these</a> " : "<a href=\"\(query.with("all", "1").text)\">all</a> "))\
      <div class="scroll" tabindex="0"><table class="rows">
      <thead><tr><th>setting</th>\(heads)</tr></thead>
      <tbody>
      \(settingRows)</tbody></table></div>
      </section>
      <div class="charts">
      \(overlays(tables["series"], ids))</div>
      """)
  }

  private struct Line {
    let name: String
    let values: [Record?]
  }

  /// The rows of each name, in the order of the runs.
  private func lines(_ rows: [Record], _ ids: [String]) -> [Line] {
    var names: [String] = []
    var values: [String: [String: Record]] = [:]
    for row in rows {
      let name = row.text("name")
      if values[name] == nil { names.append(name) }
      values[name, default: [:]][row.text("run_id")] = row
    }
    return names.map { name in Line(name: name, values: ids.map { values[name]![$0] }) }
  }

  /// Rows of figures. The best one is starred, unless their rulers differ: then no one stands beside another.
  private func figures(_ rows: [Record], _ ids: [String]) -> [HTML] {
    lines(rows, ids).map { line in
      let there = line.values.compactMap(\.self)
      let rulers = Set(there.map { $0.text("ruler") })
      guard rulers.count <= 1 else {
        return """
          <tr><th scope="row">\(line.name)</th><td colspan="\(ids.count)" class="message">not compared: the rulers differ: \
          \(rulers.map(words).sorted().joined(separator: " and "))</td></tr>

          """
      }
      let values = there.compactMap { $0.number("value") }.filter(\.isFinite)
      let best = there.first?["better"] == "up" ? values.max() : values.min()
      let cells = line.values.map { one -> HTML in
        guard let one else { return "<td class=\"n\"></td>" }
        let isBest = there.count > 1 && one["better"] != nil && one.number("value") == best
        return
          "<td class=\"n\">\(isBest ? "<b>★ \(figure(one.number("value")))</b>" : "\(figure(one.number("value")))")</td>"
      }
      let ruler = words(rulers.first ?? "")
      return """
        <tr><th scope="row">\(line.name)\(ruler.isEmpty ? "" : "<br><span class=\"ruler\">\(ruler)</span>")</th>\(cells)</tr>

        """
    }
  }

  /// A ruler, which is a JSON object of plain values, as words.
  private func words(_ ruler: String) -> String {
    ruler.filter { !"{}\"".contains($0) }.replacing("_", with: " ")
  }

  private func overlays(_ series: [Record], _ ids: [String]) -> [HTML] {
    var names: [String] = []
    for one in series where !names.contains(one.text("name")) { names.append(one.text("name")) }
    return Self.shownMetrics(names, asked: query.list("metrics")).enumerated().map { place, name in
      chart(
        name, runs: ids.joined(separator: ","), series.filter { $0.text("name") == name },
        isWide: place == 0)
    }
  }
}

extension String {
  /// A JSON text without the quotation marks around it.
  fileprivate var unquoted: String {
    count > 1 && hasPrefix("\"") && hasSuffix("\"") ? String(dropFirst().dropLast()) : self
  }
}
