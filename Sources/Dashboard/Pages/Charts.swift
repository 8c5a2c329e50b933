// Panels with charts: the server's drawing where there are no scripts, the data's address for where there are.

extension Frame {
  /// The names of the metrics that are shown first, of those there are.
  package static func shownMetrics(_ names: [String], asked: [String]) -> [String] {
    guard asked.isEmpty else { return asked }
    let first = [
      "loss", "loss.flow", "loss.rec", "feedback.ratio", "reconstruction.psnr", "grad_norm", "lr",
    ]
    let known = first.filter { names.contains($0) } + names.filter { !first.contains($0) }
    return Array(known.prefix(4))
  }

  /// The charts of a run: the first one wide, the others in pairs; then the names of the rest.
  func charts(_ run: Record, _ series: [Record]) -> HTML {
    var names: [String] = []
    for one in series where !names.contains(one.text("name")) { names.append(one.text("name")) }
    guard !names.isEmpty else {
      return """
        <section><div class="head"><h2>No curves yet</h2></div><p class="none">A training sends them with its first \
        batch of metrics.</p></section>

        """
    }
    let shown = Self.shownMetrics(names, asked: query.list("metrics"))
    let panels = shown.enumerated().map { place, name in
      chart(
        name, runs: run.text("id"), series.filter { $0.text("name") == name }, isWide: place == 0)
    }
    let rest = names.filter { !shown.contains($0) }.map { name -> HTML in
      "<a href=\"\(query.with("metrics", (shown + [name]).joined(separator: ",")).text)\">\(name)</a> "
    }
    return """
      \(tools(isOfSeveral: false))<div class="charts">
      \(panels)</div>
      \(rest.isEmpty ? "" : "<p class=\"more\">further: \(rest)</p>")
      """
  }

  /// Smoothing, axes, grouping and range, all in the address.
  /// - Parameter isOfSeveral: whether runs are compared, of which some may differ in their seeds alone
  func tools(isOfSeveral: Bool) -> HTML {
    func choices(_ name: String, _ known: [(value: String, words: HTML)], reset: [String] = [])
      -> [HTML]
    {
      known.map { value, words in
        let address = query.without(reset).with(name, value == known[0].value ? nil : value)
        return (query[name] ?? known[0].value) == value
          ? "<b>\(words)</b> " : "<a href=\"\(address.text)\">\(words)</a> "
      }
    }
    let grouping: HTML =
      isOfSeveral
      ? "· seeds \(choices("group", [("none", "apart"), ("seeds", "as their median")])) " : ""
    let range: HTML =
      query["from"] == nil && query["to"] == nil
      ? ""
      : """
       · from \(query["from"] ?? "0") to \(query["to"] ?? "the last") \
      <a href="\(query.without(["from", "to"]).text)">all</a>
      """
    return """
      <p class="choices">smooth \(choices("smooth", [("0", "0"), ("0.6", "0.6"), ("0.9", "0.9"), ("0.99", "0.99")]))· \
      x \(choices("x", [("step", "step"), ("since", "since start"), ("images", "images seen"), ("hours", "hours at work")], reset: ["from", "to"]))· \
      y \(choices("y", [("linear", "linear"), ("log", "log")]))\(grouping)<span id="range">\(range)</span></p>

      """
  }

  /// - Parameter runs: numbers of the runs, with commas
  func chart(_ name: String, runs: String, _ series: [Record], isWide: Bool) -> HTML {
    let view = query.without(["panel", "form", "metrics", "metric", "runs"])
    let own = view.with("runs", runs).with("metric", name)
    let last = series.compactMap { $0.integer("last_step") }.max()
    let words = series.prefix(12).map { one -> HTML in
      """
      <tr><td>\(one["label"] ?? "")</td><td>last \(figure(one.number("last_value"))) at step \
      \(count(one.integer("last_step")))</td><td>lowest \(figure(one.number("min_value")))</td>\
      <td>highest \(figure(one.number("max_value")))</td></tr>
      """
    }
    let missing = series.reduce(0) { $0 + ($1.integer("not_finite") ?? 0) }
    return """
      <section class="panel\(isWide ? " first" : "")">
      <div class="head"><h2>\(name)</h2><span class="tools">\
      <a href="\(root)chart.svg\(own.text)">SVG</a> <a href="\(root)chart.csv\(own.text)">CSV</a> \
      <a href="\(root)chart.sql\(own.text)">SQL</a></span></div>
      <div class="chart" data-source="\(root)series.json\(own.text)" data-name="\(name)" tabindex="0" role="img" \
      aria-label="\(name), to step \(count(last)); the table below has its figures">
      <noscript><img src="\(root)chart.svg\(own.text)" alt="\(name) over steps"></noscript></div>
      <p class="legend">\(missing > 0 ? "<strong class=\"bad\">\(counted(missing, "value")) not finite.</strong>" : "")</p>
      <details><summary>figures</summary><table class="rows">\(words)</table></details>
      </section>

      """
  }
}
