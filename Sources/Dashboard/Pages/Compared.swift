// The columns by which runs are drawn in scatter plots and parallel coordinates: settings and figures, each on an axis.

/// A setting or a figure of some runs.
struct ComparedColumn {
  let name: String
  /// "up" or "down" where one end is better; nil for a setting.
  let better: String?
  /// By run; those that have none are missing.
  let values: [String: String]
  /// Places from 0 to 1 by run: by size where all are numbers, otherwise in alphabetical order.
  let places: [String: Double]
  /// The words at 0 and at 1.
  let ends: (low: String, high: String)
  /// All values in their order where they are words.
  let words: [String]

  /// - Parameter values: by run, as they are shown
  init(_ name: String, better: String? = nil, _ values: [String: String]) {
    self.name = name
    self.better = better
    self.values = values
    let numbers = values.compactMapValues { Double($0) }.filter { $0.value.isFinite }
    if numbers.count == values.count, let low = numbers.values.min(),
      let high = numbers.values.max()
    {
      places = numbers.mapValues { high > low ? ($0 - low) / (high - low) : 0.5 }
      let isWhole = numbers.values.allSatisfy { $0 == $0.rounded() && abs($0) < 1e15 }
      ends = isWhole ? (count(Int64(low)), count(Int64(high))) : (figure(low), figure(high))
      words = []
    } else {
      let sorted = Set(values.values).sorted()
      words = sorted
      places = values.mapValues { value in
        sorted.count > 1 ? Double(sorted.firstIndex(of: value)!) / Double(sorted.count - 1) : 0.5
      }
      ends = (sorted.first ?? "", sorted.last ?? "")
    }
  }

  /// The number of a run, so turned that less is better; nil where it has none or no end is better.
  func cost(_ run: String) -> Double? {
    guard let better, let value = values[run].flatMap({ Double($0) }), value.isFinite else {
      return nil
    }
    return better == "up" ? -value : value
  }
}

/// A run as plots name it.
struct ComparedRun {
  let id: String
  let name: String
  /// Among the runs of the address, which gives it its colour.
  let place: Int

  /// The class of its colour in the palette.
  var tone: String { "t\(place % 8)" }
}

extension Frame {
  /// Runs as points over two columns. The line goes through those that no other run beats in both.
  func scatter(_ runs: [ComparedRun], _ columns: [ComparedColumn]) -> HTML {
    func column(_ name: String, _ usual: ComparedColumn?) -> ComparedColumn? {
      columns.first { $0.name == query[name] } ?? usual
    }
    let figures = columns.filter { $0.better != nil }
    // The first of those that most runs have.
    let most = columns.map(\.values.count).max()
    let full = columns.filter { $0.values.count == most }
    guard columns.count > 1,
      let down = column("down", full.first { $0.better != nil } ?? figures.first ?? columns.last),
      let across = column(
        "across", full.first { $0.name != down.name && $0.better == nil } ?? columns[0])
    else { return "" }
    let shown = runs.filter { across.values[$0.id] != nil && down.values[$0.id] != nil }
    let (width, height, left, bottom) = (560.0, 300.0, 76.0, 256.0)
    func x(_ run: ComparedRun) -> Double {
      left + 20 + across.places[run.id]! * (width - left - 50)
    }
    func y(_ run: ComparedRun) -> Double { bottom - 16 - down.places[run.id]! * (bottom - 46) }
    let points = shown.map { run -> HTML in
      """
      <a href="\(root)runs/\(run.id)"><circle class="\(run.tone)" cx="\(fixed(x(run), digits: 1))" \
      cy="\(fixed(y(run), digits: 1))" r="5"><title>\(run.name) (\(run.id)): \(across.name) \(across.values[run.id]!), \
      \(down.name) \(down.values[run.id]!)</title></circle>\
      \(shown.count <= 30 ? "<text x=\"\(fixed(x(run) + 8, digits: 1))\" y=\"\(fixed(y(run) + 4, digits: 1))\">\(run.id)</text>" : "")</a>

      """
    }
    let front = Self.front(shown, across, down)
    let line = front.map { "\(fixed(x($0), digits: 1)),\(fixed(y($0), digits: 1))" }
    let note: HTML =
      across.better == nil || down.better == nil
      ? "A front is drawn where both axes are figures, of which one end is better."
      : "The line joins the runs that no other beats in both: \(front.map(\.id).joined(separator: ", "))."
    func options(_ chosen: ComparedColumn) -> [HTML] {
      columns.map { "<option\($0.name == chosen.name ? " selected" : "")>\($0.name)</option>" }
    }
    let kept = query.items.filter { !["across", "down"].contains($0.name) }.map { item -> HTML in
      "<input type=\"hidden\" name=\"\(item.name)\" value=\"\(item.value)\">"
    }
    return """
      <section class="panel first">
      <div class="head"><h2>One against another</h2></div>
      <form class="filter">\(kept)<label>up <select name="down">\(options(down))</select></label> \
      <label>across <select name="across">\(options(across))</select></label> <button>show</button></form>
      <div class="scroll" tabindex="0"><svg class="plot" viewBox="0 0 \(Int(width)) \(Int(height))" role="group" aria-label="\(down.name) against \(across.name), \
      \(counted(Int64(shown.count), "run")); the tables above have the figures">
      <line class="rule" x1="\(Int(left))" y1="\(Int(bottom))" x2="\(Int(width) - 10)" y2="\(Int(bottom))"></line>
      <line class="rule" x1="\(Int(left))" y1="20" x2="\(Int(left))" y2="\(Int(bottom))"></line>
      <text x="\(Int(left) - 6)" y="34" text-anchor="end">\(down.ends.high.short)</text>
      <text x="\(Int(left) - 6)" y="\(Int(bottom) - 12)" text-anchor="end">\(down.ends.low.short)</text>
      <text x="\(Int(left) + 20)" y="\(Int(bottom) + 18)">\(across.ends.low.short)</text>
      <text x="\(Int(width) - 30)" y="\(Int(bottom) + 18)" text-anchor="end">\(across.ends.high.short)</text>
      <text class="title" x="\(Int(left))" y="12">\(down.name)\(arrow(down))</text>
      <text class="title" x="\(Int(width) - 30)" y="\(Int(bottom) + 38)" text-anchor="end">\(across.name)\(arrow(across))</text>
      \(line.count > 1 ? "<polyline class=\"front\" points=\"\(line.joined(separator: " "))\"></polyline>\n" : "")\
      \(points)</svg></div>
      <p class="legend">\(note)</p>
      </section>

      """
  }

  private func arrow(_ column: ComparedColumn) -> String {
    switch column.better {
    case "up": " (higher is better)"
    case "down": " (lower is better)"
    default: ""
    }
  }

  /// The runs that no other is at least as good as in both, and better in one, from left to right.
  static func front(_ runs: [ComparedRun], _ across: ComparedColumn, _ down: ComparedColumn)
    -> [ComparedRun]
  {
    let costs = runs.compactMap { run -> (run: ComparedRun, a: Double, b: Double)? in
      guard let a = across.cost(run.id), let b = down.cost(run.id) else { return nil }
      return (run, a, b)
    }
    return costs.filter { one in
      !costs.contains { $0.a <= one.a && $0.b <= one.b && ($0.a < one.a || $0.b < one.b) }
    }.sorted { ($0.a, $0.b) < ($1.a, $1.b) }.map(\.run)
  }

  /// A line for each run across an axis for each column.
  func parallel(_ runs: [ComparedRun], _ columns: [ComparedColumn]) -> HTML {
    // Settings first, figures last; as many as can be read.
    let settings = columns.filter { $0.better == nil }.prefix(7)
    let shown = settings + columns.filter { $0.better != nil }.prefix(10 - settings.count)
    guard shown.count > 1, runs.count > 1 else { return "" }
    let (width, top, bottom) = (Double(max(560, 150 * shown.count)), 46.0, 246.0)
    func x(_ place: Int) -> Double { 75 + (width - 150) * Double(place) / Double(shown.count - 1) }
    let axes = shown.enumerated().map { place, column -> HTML in
      let middle = fixed(x(place), digits: 1)
      let words = column.words.count <= 12 ? column.words.dropFirst().dropLast() : []
      let between = words.enumerated().map { nth, word -> HTML in
        let at = bottom - (bottom - top) * Double(nth + 1) / Double(column.words.count - 1)
        return
          "<text x=\"\(fixed(x(place) + 5, digits: 1))\" y=\"\(fixed(at + 4, digits: 1))\">\(word.short)</text>"
      }
      return """
        <line class="rule" x1="\(middle)" y1="\(Int(top))" x2="\(middle)" y2="\(Int(bottom))"></line>\
        <text class="title" x="\(middle)" y="\(place % 2 == 0 ? "14" : "28")" text-anchor="middle">\(column.name.short)</text>\
        <text x="\(middle)" y="\(Int(top) - 4)" text-anchor="middle">\(column.ends.high.short)</text>\
        <text x="\(middle)" y="\(Int(bottom) + 14)" text-anchor="middle">\(column.ends.low.short)</text>\(between)

        """
    }
    let lines = runs.map { run -> HTML in
      // A run that lacks a value has a gap there.
      var parts: [[String]] = [[]]
      for (place, column) in shown.enumerated() {
        guard let value = column.places[run.id] else {
          parts.append([])
          continue
        }
        parts[parts.count - 1].append(
          "\(fixed(x(place), digits: 1)),\(fixed(bottom - value * (bottom - top), digits: 1))")
      }
      let drawn = parts.filter { $0.count > 1 }.map { part -> HTML in
        "<polyline class=\"\(run.tone)\" points=\"\(part.joined(separator: " "))\"></polyline>"
      }
      let words = shown.compactMap { column in column.values[run.id].map { "\(column.name) \($0)" }
      }
      return """
        <a href="\(root)runs/\(run.id)"><g class="thread">\(drawn)<title>\(run.name) (\(run.id)): \(words.joined(separator: ", "))</title></g></a>

        """
    }
    return """
      <section class="panel first">
      <div class="head"><h2>Settings and figures together</h2></div>
      <div class="scroll" tabindex="0"><svg class="plot wide" width="\(Int(width))" height="\(Int(bottom) + 24)" role="group" \
      aria-label="\(counted(Int64(runs.count), "run")) over \(shown.map(\.name).joined(separator: ", ")); the tables above have the figures">
      \(axes)\(lines)</svg></div>
      <p class="legend">One line is one run, in its colour; the pointer names it, a click opens it.</p>
      </section>

      """
  }
}

extension String {
  /// As much as fits beside an axis.
  fileprivate var short: String { count <= 22 ? self : "\(prefix(10))…\(suffix(10))" }
}
