// Runs side by side: which is better, by which ruler, and why.

extension Frame {
  /// - Parameters:
  ///   - tables: `runs`; `settings` (name, run_id, value); `figures` (name, run_id, value, better, ruler, and of how many
  ///     steps it is the mean); `seeds`:
  ///     medians of runs and variants that differ in their seeds alone; `series`
  package func comparePage(_ tables: Tables) -> HTML {
    let runs = tables["runs"]
    let ids = runs.map { $0.text("id") }
    let compared = runs.enumerated().map { place, run in
      ComparedRun(id: run.text("id"), name: run.text("name"), place: place)
    }
    let heads = compared.map { run -> HTML in
      """
      <th scope="col"><span class="swatch \(run.tone)"></span><a href="\(root)runs/\(run.id)">\(run.name)</a> \
      <span class="number">\(run.id)</span></th>
      """
    }
    let isWhole = query["all"] == "1"
    let all = lines(tables["settings"], ids)
    let differing = all.filter { line in Set(line.values.map { $0?.text("value") }).count > 1 }
    let settings = isWhole ? all : differing
    let columns = columns(differing, lines(tables["figures"], ids))
    let settingRows = settings.map { line -> HTML in
      "<tr><th scope=\"row\">\(line.name)</th>\(line.values.map { "<td>\($0?.text("value").unquoted ?? "")</td>" as HTML })</tr>\n"
    }
    return document(
      title: "compare", section: "", charts: true,
      """
      <h1>Compare</h1>
      <form class="filter"><label>runs <input name="runs" value="\(ids.joined(separator: ","))" size="24"></label> \
      <button>show</button> <a href="\(root)images?runs=\(ids.joined(separator: ","))&amp;by=run">their images at the same noise</a></form>
      \(verdict(lines(tables["figures"], ids), compared))\(runs.count < 2 ? "<p class=\"message\">Name two runs or more, as in compare?runs=1,2; the list of runs has boxes to tick.</p>" : "")
      <section data-live="figures">
      \(panelHead("Figures", "figures"))<div class="scroll" tabindex="0"><table class="rows">
      <thead class="figures-head"><tr><th>figure</th>\(heads)</tr></thead>
      <tbody>
      \(figures(tables["figures"], ids))</tbody></table></div>
      </section>
      \(seeds(tables["seeds"]))<section>
      \(panelHead("Settings that differ", "settings", tools: isWhole ? "<a href=\"\(query.with("all", nil).text)\">only these</a> " : "<a href=\"\(query.with("all", "1").text)\">all</a> "))\
      <div class="scroll" tabindex="0"><table class="rows">
      <thead><tr><th>setting</th>\(heads)</tr></thead>
      <tbody>
      \(settingRows)</tbody></table></div>
      </section>
      \(tools(isOfSeveral: true))<div class="charts">
      \(overlays(tables["series"], ids))\(scatter(compared, columns))\(parallel(compared, columns))</div>
      """)
  }

  private struct Line {
    let name: String
    let values: [Record?]

    var rulers: Set<String> { Set(values.compactMap { $0?.text("ruler") }) }
    /// Whether all that are there may be compared: means of so many and of other numbers of steps are of trainings that
    /// have come to different places.
    var isOfOneRuler: Bool {
      rulers.count == 1 && Set(values.compactMap { $0?.text("steps") }).count == 1
    }
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

  /// The best run by the first figure that all have by one ruler, as a sentence.
  private func verdict(_ figures: [Line], _ runs: [ComparedRun]) -> HTML {
    guard runs.count > 1 else { return "" }
    let measured = figures.first { line in
      line.values.allSatisfy { $0?.number("value")?.isFinite ?? false && $0?["better"] != nil }
        && line.isOfOneRuler
    }
    guard let measured else {
      return
        "<p class=\"message\" data-live=\"verdict\">None is called the best: no figure is of all of them by one ruler.</p>\n"
    }
    let values = measured.values.map { $0!.number("value")! }
    let isUp = measured.values[0]!["better"] == "up"
    let best = isUp ? values.max()! : values.min()!
    let winners = zip(runs, values).filter { $0.1 == best }.map(\.0)
    let ruler = words(measured.values[0]!.text("ruler"))
    guard winners.count == 1, let winner = winners.first else {
      return
        "<p class=\"message\" data-live=\"verdict\">By \(measured.name) \(winners.map(\.id).joined(separator: " and ")) are equal.</p>\n"
    }
    let others = values.filter { $0 != best }
    return """
      <p class="message" data-live="verdict">Best by \(measured.name), \(isUp ? "higher" : "lower") is better: <b>\(winner.name)</b> (\(winner.id)) with \
      <b>\(figure(best))</b>; the next has \(figure(isUp ? others.max() : others.min())).\(ruler.isEmpty ? "" : " Ruler: \(ruler).")</p>

      """
  }

  /// Settings that differ, and figures of one ruler, as axes of plots.
  private func columns(_ settings: [Line], _ figures: [Line]) -> [ComparedColumn] {
    func values(_ line: Line) -> [String: String] {
      line.values.compactMap(\.self).reduce(into: [:]) {
        $0[$1.text("run_id")] = $1.text("value").unquoted
      }
    }
    // A figure that one run alone has says nothing beside another.
    let comparable = figures.filter { line in
      line.rulers.count == 1
        && (line.values.count < 2 || line.values.compactMap(\.self).count > 1)
    }
    return settings.map { ComparedColumn($0.name, values($0)) }
      + comparable.map { line in
        let better = line.values.compactMap(\.self).first?["better"]
        return ComparedColumn(line.name, better: better, values(line))
      }
  }

  /// Medians over seeds, where there are several.
  private func seeds(_ rows: [Record]) -> HTML {
    guard !rows.isEmpty else { return "" }
    let lines = rows.map { one -> HTML in
      let value: HTML =
        one["median"] == nil
        ? "<td class=\"message\" colspan=\"2\">not put together: the rulers differ</td>"
        : """
        <td class="n"><b>\(figure(one.number("median")))</b></td>\
        <td class="n">\(figure(one.number("lowest"))) to \(figure(one.number("highest")))</td>
        """
      return """
        <tr><td>\(one.text("label"))</td><td>\(one.text("name"))</td>\(value)<td class="n">\(one.text("n"))</td>\
        <td class="ruler">\(one.text("members"))</td></tr>

        """
    }
    return """
      <section data-live="seeds">
      \(panelHead("Seeds together", "seeds"))<div class="scroll" tabindex="0"><table class="rows">
      <thead><tr><th>runs that differ in their seeds alone</th><th>figure</th><th class="n">median</th>\
      <th class="n">range</th><th class="n">n</th><th>members</th></tr></thead>
      <tbody>
      \(lines)</tbody></table></div>
      </section>

      """
  }

  /// Rows of figures. The best one is starred, unless their rulers differ: then no one stands beside another.
  private func figures(_ rows: [Record], _ ids: [String]) -> [HTML] {
    lines(rows, ids).map { line in
      let there = line.values.compactMap(\.self)
      let rulers = line.rulers
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
        let isBest =
          there.count > 1 && line.isOfOneRuler && one["better"] != nil
          && one.number("value") == best
        let steps = line.isOfOneRuler ? nil : one.integer("steps")
        return """
          <td class="n">\(isBest ? "<b>★ \(figure(one.number("value")))</b>" : "\(figure(one.number("value")))")\
          \(steps.map { "<br><span class=\"ruler\">mean of \(counted($0, "step"))</span>" })</td>
          """
      }
      let common = line.isOfOneRuler ? there.first?.integer("steps") : nil
      let ruler = common.map { "mean of \(counted($0, "step"))" } ?? words(rulers.first ?? "")
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
