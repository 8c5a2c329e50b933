// Everything around the contents of a page.

/// The surroundings of a page: where it stands, what it may do, how old its figures are.
package struct Frame: Sendable {
  /// The way from the page's folder to that of `runs`: "", "../" or "../../".
  package var root = ""
  package var query = Query()
  /// Names of the assets with their hashes, by their plain names.
  package var assets: [String: String] = [:]
  /// A token that acting needs; nil where the server only reads.
  package var token: String?
  /// Seconds since the figures were read, where the database is away.
  package var staleFor: Double?

  package init() {}

  package var canAct: Bool { token != nil }
}

/// The tables of a page, by the names of its panels.
package struct Tables: Sendable {
  private let tables: [String: Table]

  package init(_ tables: [String: Table]) { self.tables = tables }

  package subscript(name: String) -> [Record] {
    guard let table = tables[name] else { preconditionFailure("no panel \(name)") }
    return table.records
  }
}

extension Frame {
  /// A whole document.
  /// - Parameters:
  ///   - title: stands in the tab
  ///   - section: of the pages' list, as in "runs"; it is marked
  ///   - charts: whether it has charts
  package func document(title: String, section: String, charts: Bool = false, _ body: HTML) -> HTML
  {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>\(title) - pra</title>
    <link rel="icon" href="\(root)assets/\(asset("icon.svg"))">
    <link rel="stylesheet" href="\(root)assets/\(asset("dashboard.css"))">
    <script src="\(root)assets/\(asset("page.js"))" defer></script>
    \(charts ? chartScript : "")</head>
    <body>
    <a class="skip" href="#main">to the contents</a>
    <header>
    <a class="name" href="\(root)runs">pra</a>
    <nav aria-label="pages">
    \(link("runs", "Runs", section))\(link("queue", "Queue", section))\(link("workers", "Workers", section))</nav>
    <form class="find" action="\(root)runs" role="search"><input type="search" name="find" value="\(query["find"] ?? "")" \
    placeholder="find: method=pra lr>1e-3, or job 12" aria-label="find runs, or a job by its number"></form>
    <span class="mode">\(canAct ? "may act" : "read only") · <span id="live">as of loading</span>
    <button id="theme" type="button" hidden>theme</button></span>
    </header>
    \(banner)<main id="main">
    \(body)
    </main>
    <footer id="printed"></footer>
    </body>
    </html>

    """
  }

  private func asset(_ name: String) -> String { assets[name] ?? name }

  private var chartScript: HTML {
    "<script src=\"\(root)assets/\(asset("chart.js"))\" defer></script>\n"
  }

  private func link(_ address: String, _ words: String, _ section: String) -> HTML {
    address == section
      ? "<a href=\"\(root)\(address)\" aria-current=\"page\">\(words)</a>\n"
      : "<a href=\"\(root)\(address)\">\(words)</a>\n"
  }

  private var banner: HTML {
    guard let staleFor else { return "<div id=\"stale\" hidden></div>\n" }
    return """
      <div id="stale" class="stale" role="status">The database is away. These figures are \(duration(staleFor)) old; \
      they go on by themselves when it is back.</div>

      """
  }

  /// The head of a panel: its title, and ways to its figures. The SQL is the statement that ran.
  func panelHead(_ title: HTML, _ name: String, tools: HTML = "", level: Int = 2) -> HTML {
    let csv = query.with("panel", name).with("form", "csv").text
    let sql = query.with("panel", name).with("form", "sql").text
    return """
      <div class="head"><h2>\(title)</h2><span class="tools">\(tools)<a href="\(csv)">CSV</a> <a href="\(sql)">SQL</a>\
      </span></div>

      """
  }
}

/// A state of a run, job or worker: a word, and a colour that is never the only sign.
func state(_ word: String) -> HTML {
  let known = [
    "running", "training", "succeeded", "ready", "pending", "blocked", "failed", "quarantined",
    "cancelled", "lost",
    "paused", "empty", "live", "draining", "blamed", "stopped",
  ]
  let first = String(word.prefix { $0 != " " })
  return "<span class=\"state s-\(known.contains(first) ? first : "other")\">\(word)</span>"
}

/// A bar for a share from 0 to 1.
func bar(_ share: Double?) -> HTML {
  guard let share, share.isFinite else { return "" }
  let whole = fixed(min(1, max(0, share)) * 100, digits: 0)
  return "<progress max=\"100\" value=\"\(whole)\" aria-label=\"\(whole) %\"></progress> "
}

/// A page for an address that cannot be answered.
package func messagePage(_ frame: Frame, title: String, message: String) -> HTML {
  frame.document(
    title: title, section: "",
    """
    <h1>\(title)</h1>
    <p class="message">\(message)</p>
    <p><a href="\(frame.root)runs">all runs</a> · <a href="\(frame.root)queue">the queue</a></p>
    """)
}
