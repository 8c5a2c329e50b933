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
    return parts.joined(separator: ", ")
  }

  private func sheet(
    _ samplings: [String], first: Int64 = 0, count: Int64, columns: Int, alt: String
  ) -> HTML {
    var asked = Query().with("samplings", samplings.joined(separator: ","))
      .with("first", String(first)).with("count", String(count)).with("columns", String(columns))
    if let name = query["class"] { asked = asked.with("class", name) }
    return
      "<img class=\"sheet\" src=\"\(root)sheet.png\(asked.text)\" alt=\"\(alt)\" loading=\"lazy\">"
  }

  /// Rows of images, each of one sampling run; in a column are the images of one number, which begin with the same
  /// noise where seed and class are the same.
  ///
  /// - Parameters:
  ///   - tables: `samplings`, those whose rows are shown
  ///   - classes: names that the filter takes
  package func imagesPage(_ tables: Tables, by: String, classes: [String]) -> HTML {
    let all = tables["samplings"]
    let shown = Array(all.prefix(40))
    let first = Int64(query["first"] ?? "0") ?? 0
    let columns: Int64 = 12
    let seeds = Set(shown.map { $0.text("seed") })
    let rows = shown.map { one -> HTML in
      """
      <tr><th scope="row"><a href="\(root)runs/\(one.text("run_id"))">\(one.text("run_name"))</a> \
      <span class="number">\(one.text("run_id"))</span><br><small>\(words(one)), seed \(one["seed"] ?? "?")</small></th>\
      <td>\(sheet([one.text("job_id")], first: first, count: columns, columns: Int(columns), alt: """
        numbers \(first) to \(first + columns - 1) of \(one.text("run_name"))
        """))</td></tr>

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
    let table: HTML = """
      \(note)<div class="scroll" tabindex="0"><table class="rows images"><tbody>
      \(rows)</tbody></table></div>
      <p>\(first > 0 ? "<a href=\"\(query.with("first", String(max(0, first - columns))).text)\">◂ numbers before</a>" : "") \
      numbers \(first) to \(first + columns - 1) \
      <a href="\(query.with("first", String(first + columns)).text)">numbers after ▸</a></p>
      """
    return document(
      title: "images", section: "",
      """
      <h1>Images</h1>
      <form class="filter"><label>runs <input name="runs" value="\(query.list("runs").joined(separator: ","))" size="16"></label>
      <label>class <select name="class"><option value="">all classes</option>\(options)</select></label>
      <input type="hidden" name="by" value="\(by)"><button>show</button> rows by \(orders)</form>
      <section>
      \(panelHead("\(counted(Int64(all.count), "sampling run"))", "samplings"))\
      \(all.isEmpty ? "<p class=\"none\">These runs have drawn no images.</p>" : table)</section>
      """)
  }
}
