// Drawn images: of one run beside its curves, and of several at the same noise.

extension Frame {
  /// The images of one sampling run, with ways to the others in order of their steps.
  func samples(_ run: Record, _ samplings: [Record]) -> HTML {
    guard !samplings.isEmpty else { return "" }
    let place =
      samplings.firstIndex { $0.text("job_id") == query["sampling"] } ?? samplings.count - 1
    let shown = samplings[place]
    func step(_ words: HTML, _ place: Int) -> HTML {
      guard samplings.indices.contains(place) else { return "<span class=\"off\">\(words)</span>" }
      return
        "<a href=\"\(query.with("sampling", samplings[place].text("job_id")).text)\">\(words)</a>"
    }
    let options = samplings.map { one -> HTML in
      let chosen: HTML = one.text("job_id") == shown.text("job_id") ? " selected" : ""
      return "<option value=\"\(one.text("job_id"))\"\(chosen)>\(words(one))</option>"
    }
    let images = shown.integer("images") ?? 0
    return """
      <section data-live="samples">
      \(panelHead("Samples", "samplings", tools: """
        step \(step("◂", place - 1)) <b>\(shown["step"].map { count(Int64($0)) } ?? "?")</b> \(step("▸", place + 1)) 
        """))<form class="pick"><select name="sampling" aria-label="sampling run">\(options)</select> <button>show</button></form>
      \(sheet([shown.text("job_id")], count: min(64, images), columns: 8, alt: """
        \(counted(min(64, images), "image")) drawn at step \(shown["step"] ?? "?")
        """))
      <p class="legend">seed \(shown["seed"] ?? "?"), numbers 0 to \(count(min(64, images) - 1)) of \(count(images)) · \
      <a href="\(root)images?runs=\(run.text("id"))&amp;by=step">all steps, at the same noise</a></p>
      </section>

      """
  }

  private func words(_ one: Record) -> String {
    var parts = [one["step"].map { "step \(count(Int64($0)))" } ?? "step unknown"]
    if let variant = one["variant"] { parts.append(variant) }
    if let weights = one["weights"] { parts.append(weights) }
    if let scale = one["scale"] { parts.append("scale \(scale)") }
    if one.isTrue("preview") { parts.append("preview") }
    return parts.joined(separator: ", ")
  }

  private func sheet(
    _ samplings: [String], first: Int64 = 0, count: Int64, columns: Int, alt: String
  ) -> HTML {
    var asked = Query().with("samplings", samplings.joined(separator: ","))
      .with("first", String(first)).with("count", String(count)).with("columns", String(columns))
    if let name = query["class"] { asked = asked.with("class", name) }
    return """
      <img class="sheet" src="\(root)sheet.png\(asked.text)" alt="\(alt)" loading="lazy" data-first="\(first)" data-columns="\(columns)">
      """
  }

  /// Rows of one page of images.
  package static let mostRowsOfImages = 40
  private static let columns: Int64 = 12

  /// Rows of images, each of one sampling run; in a column are the images of one number, which begin with the same
  /// noise where seed and class are the same. One number may be shown large, beside its nearest training images.
  ///
  /// - Parameters:
  ///   - tables: `samplings`, those whose rows are shown, and `steps`, at which images were drawn
  ///   - classes: names that the filter takes
  ///   - nearest: neighbours of the number that is shown large
  package func imagesPage(
    _ tables: Tables, by: String, classes: [String], nearest: [NearestImages] = []
  ) -> HTML {
    let all = tables["samplings"]
    let shown = Array(all.prefix(Self.mostRowsOfImages))
    let first = Int64(query["first"] ?? "0") ?? 0
    let after = first + Self.columns
    let seeds = Set(shown.map { $0.text("seed") })
    // How many of a class a run has drawn is not known.
    func has(_ one: Record, _ number: Int64) -> Bool {
      query["class"] != nil || number < one.integer("images") ?? 0
    }
    let rows = shown.map { one -> HTML in
      guard has(one, first) else {
        return "<tr>\(rowHead(one))<td class=\"none\">no image \(first)</td></tr>\n"
      }
      let alt = "numbers \(first) to \(after - 1) of \(one.text("run_name"))"
      return """
        <tr>\(rowHead(one))<td>\(sheet([one.text("job_id")], first: first, count: Self.columns, columns: Int(Self.columns), alt: alt))</td></tr>

        """
    }
    let options = classes.map { name -> HTML in
      "<option\(query["class"] == name ? " selected" : "")>\(name)</option>"
    }
    let orders = ["run", "step", "weights", "variant"].map { word -> HTML in
      by == word ? "<b>\(word)</b> " : "<a href=\"\(query.with("by", word).text)\">\(word)</a> "
    }
    let note: HTML =
      seeds.count > 1
      ? "<p class=\"message\">Seeds differ (\(seeds.sorted().joined(separator: ", "))): columns are not of the same noise.</p>"
      : "<p class=\"legend\">One column is one image number: the same noise in every row, where the class is the same.</p>"
    let numbers = (first..<first + Self.columns).map { number -> HTML in
      "<a href=\"\(query.with("image", String(number)).text)\" aria-label=\"number \(number), large\">\(number)</a> "
    }
    let further: HTML =
      shown.contains { has($0, after) }
      ? """
      <a\(query["class"] == nil ? " class=\"further\"" : "") href="\(query.with("first", String(after)).text)">numbers after ▸</a>
      """ : ""
    let table: HTML = """
      \(note)<div class="scroll" tabindex="0"><table class="rows images">
      <thead><tr><th>drawn by</th><th><span class="numbers">\(query["class"] == nil ? numbers : [])</span></th></tr></thead>
      <tbody>
      \(rows)</tbody></table></div>
      <p>\(first > 0 ? "<a href=\"\(query.with("first", String(max(0, first - Self.columns))).text)\">◂ numbers before</a>" : "") \
      numbers \(first) to \(first + Self.columns - 1) \
      \(further)</p>
      """
    return document(
      title: "images", section: "",
      """
      <h1>Images</h1>
      <form class="filter"><label>runs <input name="runs" value="\(query.list("runs").joined(separator: ","))" size="16"></label>
      <label>class <select name="class"><option value="">all classes</option>\(options)</select></label>
      <input type="hidden" name="by" value="\(by)"><button>show</button> rows by \(orders)</form>
      \(by == "run" ? slider(tables["steps"]) : "")\(large(shown, nearest))<section id="rows" data-live="rows">
      \(panelHead("\(counted(Int64(all.count), "sampling run"))", "samplings"))\
      \(all.isEmpty ? "<p class=\"none\">These runs have drawn no images.</p>" : table)</section>
      """)
  }

  private func rowHead(_ one: Record) -> HTML {
    """
    <th scope="row"><a href="\(root)runs/\(one.text("run_id"))">\(one.text("run_name"))</a> \
    <span class="number">\(one.text("run_id"))</span><br><small>\(words(one)), seed \(one["seed"] ?? "?")</small></th>
    """
  }

  /// One choice of a step for all rows: each run shows what it drew last up to that step.
  private func slider(_ steps: [Record]) -> HTML {
    guard steps.count > 1 else { return "" }
    let known = steps.map { $0.text("step") }
    let options = known.map { step -> HTML in
      let isChosen = step == (query["at"] ?? known.last)
      return
        "<option value=\"\(step)\"\(isChosen ? " selected" : "")>step \(count(Int64(step)))</option>"
    }
    let kept = query.items.filter { $0.name != "at" }.map { item -> HTML in
      "<input type=\"hidden\" name=\"\(item.name)\" value=\"\(item.value)\">"
    }
    return """
      <form class="pick filter" data-rows="1">\(kept)<label>up to <select name="at" aria-label="step of all rows">\(options)</select></label> \
      <button>show</button></form>

      """
  }

  /// One number of each row, large.
  private func large(_ shown: [Record], _ nearest: [NearestImages]) -> HTML {
    guard let number = query["image"].flatMap({ Int64($0) }) else { return "" }
    let rows = shown.prefix(8).map { one -> HTML in
      let job = one.text("job_id")
      let found = nearest.first { $0.sampling == job }
      let words = found.map { found in
        found.images.map { "\(count(Int64($0.image))) (\(fixed($0.distance, digits: 1)))" }
          .joined(separator: ", ")
      }
      let near: HTML =
        found.map { found in
          let isCopy = (found.images.first?.distance ?? .infinity) < found.threshold
          return """
            <img class="near" src="\(root)nearest.png?sampling=\(job)&amp;image=\(number)" alt="nearest training images: \(words ?? "")">
            <p class="legend">nearest training images, by their distance: \(words ?? ""); \(isCopy ? "<strong class=\"bad\">a near-duplicate</strong>" : "no near-duplicate"), \
            which is below \(fixed(found.threshold, digits: 1)) (<a href="\(root)jobs/\(found.job)">job \(found.job)</a>)</p>
            """
        } ?? """
          <p class="none">No job has looked for its nearest training images: <code>pra neighbours \(one.text("run_id"))</code></p>
          """
      var asked = Query().with("samplings", job).with("first", String(number)).with("count", "1")
      asked = asked.with("columns", "1").with("side", "256")
      return """
        <tr>\(rowHead(one))<td><img class="big" src="\(root)sheet.png\(asked.text)" alt="number \(number) of \(one.text("run_name"))"></td>\
        <td>\(near)</td></tr>

        """
    }
    return """
      <section id="large" data-live="large">
      <div class="head"><h2>Number \(number), large</h2><span class="tools">\
      \(number > 0 ? "<a href=\"\(query.with("image", String(number - 1)).text)\">◂ \(number - 1)</a> " : "")\
      <a href="\(query.with("image", String(number + 1)).text)">\(number + 1) ▸</a> <a href="\(query.with("image", nil).text)">close</a></span></div>
      <div class="scroll" tabindex="0"><table class="rows images"><tbody>
      \(rows)</tbody></table></div>
      </section>

      """
  }
}

/// The training images that are nearest to one drawn image.
package struct NearestImages: Sendable {
  package let sampling: String
  /// The job that found them, and the distance below which it calls an image a near-duplicate.
  package let job: String
  package let threshold: Double
  /// The nearest first.
  package let images: [(image: Int, distance: Double)]

  package init(
    sampling: String, job: String, threshold: Double, images: [(image: Int, distance: Double)]
  ) {
    (self.sampling, self.job, self.threshold, self.images) = (sampling, job, threshold, images)
  }
}
