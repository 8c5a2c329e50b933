// Addresses and what stands there.

import Digest
import Pages
import Postgres

/// A request that cannot be answered, with the word that was wrong.
struct BadRequest: Error {
  let status: UInt32
  let title: String
  let message: String

  init(_ status: UInt32, _ title: String, _ message: String) {
    (self.status, self.title, self.message) = (status, title, message)
  }

  init(_ title: String, _ message: String) { self.init(400, title, message) }
}

/// A page: the questions of its panels, and the function that makes it of their answers.
struct View {
  let panels: [(name: String, question: Question)]
  let page: (Frame, Tables) throws -> HTML
}

/// All pages and machine forms.
struct Site: Sendable {
  var snapshots: Snapshots
  let gate: Gate
  let assets: Assets
  let sheets: Sheets
  let actors: Actors?
  let version: String

  /// The reply to a request, with the headers that every reply has.
  func reply(to request: Request) -> Reply {
    var site = self
    site.snapshots.isPolled = request.header("X-Poll") != nil
    var reply = site.answer(request)
    if reply.stream != nil {
      // Its address holds its digest.
    } else if reply.status == 200, request.header("If-None-Match") == reply.mark {
      reply = Reply(304, type: "text/plain", [])
    } else if reply.status == 200 {
      reply.headers.append(("ETag", reply.mark))
    }
    if !reply.headers.contains(where: { $0.0 == "Cache-Control" }) {
      reply.headers.append(("Cache-Control", "private, no-cache"))
    }
    reply.headers += Self.headers
    if request.method == "HEAD" { (reply.body, reply.stream) = ([], nil) }
    return reply
  }

  private static let headers = [
    (
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"), ("Cross-Origin-Opener-Policy", "same-origin"),
  ]

  private func answer(_ request: Request) -> Reply {
    guard !request.isTooLong else { return text(413, "the body is longer than 64 KiB") }
    guard request.path.count <= 4, let path = decodedPath(request) else {
      return text(404, "there is no such page")
    }
    let query = Query(parsing: request.queryText)
    let isRoot = path == [""]
    switch gate.verdict(request, token: query["token"], isRoot: isRoot) {
    case .refused(let status, let message):
      // These tell nothing of the runs; a probe and the page for people without a token need them.
      if status == 401, path.first == "assets" { return asset(path) }
      if status == 401, path == ["healthz"] { return health() }
      return message401(status, message)
    case .exchange:
      var reply = Reply(seeOther: "runs")
      let isSecure = request.header("X-Forwarded-Proto") == "https"
      reply.headers.append(("Set-Cookie", gate.cookie(isSecure: isSecure)))
      return reply
    case .enter(let user):
      return entered(request, path, query, user)
    }
  }

  private func entered(_ request: Request, _ path: [String], _ query: Query, _ user: String?)
    -> Reply
  {
    if path == [""] { return Reply(seeOther: "runs") }
    if path.first == "assets" { return asset(path) }
    if path == ["healthz"] { return health() }
    var frame = Frame()
    frame.root = String(repeating: "../", count: path.count - 1)
    frame.query = query.without(["panel", "form", "token"])
    frame.assets = assets.names
    if actors?.role(of: user).mayAct ?? false { frame.token = gate.actingToken(of: user) }
    do {
      guard ["GET", "HEAD"].contains(request.method) else {
        guard request.method == "POST", path == ["act"], let actors else {
          throw BadRequest(405, "not here", "\(request.method) is not for this address")
        }
        return try actors.act(request, user, frame, gate)
      }
      if path.count == 2, path[0] == "files" { return try sheets.file(path[1], query, snapshots) }
      return try machineForm(path, query) ?? page(path, query, frame, user)
    } catch let error as BadRequest {
      return failure(error, frame, query)
    } catch let error as DatabaseAway {
      return failure(
        BadRequest(503, "the database is away", "\(error.message); this page asks again by itself"),
        frame, query)
    } catch let error as PostgresError where error.sqlState == "57014" {
      return failure(
        BadRequest(503, "too slow", "the database took longer than 2 s for this page"), frame, query
      )
    } catch let error as PostgresError where error.sqlState == "42501" {
      return failure(BadRequest(403, "not allowed", error.message), frame, query)
    } catch let error as PostgresError where error.sqlState == "PR002" || error.sqlState == "PR003"
    {
      return failure(
        BadRequest(error.sqlState == "PR002" ? 404 : 400, "not found", error.message), frame, query)
    } catch {
      return failure(BadRequest(500, "a fault", "\(error)"), frame, query)
    }
  }

  private func page(_ path: [String], _ query: Query, _ given: Frame, _ user: String?) throws
    -> Reply
  {
    var frame = given
    if path == ["act"], let actors { return try actors.ask(query, user, frame, snapshots) }
    if path.count == 3, path[0] == "jobs", path[2] == "log" {
      return try log(path[1], query, frame)
    }
    // The box on top of every page finds jobs, too.
    if path == ["runs"], let job = query["find"]?.firstMatch(of: /^\s*job\s*[ =#]\s*(\d{1,18})\s*$/)
    {
      return Reply(seeOther: "jobs/\(job.output.1)")
    }
    let view = try view(path, query, frame)
    if let form = query["form"] {
      let names = view.panels.map(\.name)
      guard let name = query["panel"], let panel = view.panels.first(where: { $0.name == name })
      else {
        throw BadRequest(
          "no such panel",
          "panel=\(query["panel"] ?? ""): expected one of \(names.joined(separator: ", "))")
      }
      return try self.form(form, of: panel.question)
    }
    var tables: [String: Table] = [:]
    for panel in view.panels {
      let snapshot = try snapshots.answer(panel.question)
      tables[panel.name] = snapshot.table
      if let age = snapshot.staleFor { frame.staleFor = max(frame.staleFor ?? 0, age) }
    }
    return html(200, try view.page(frame, Tables(tables)))
  }

  func form(_ form: String, of question: Question) throws -> Reply {
    switch form {
    case "csv":
      return Reply(
        type: "text/csv; charset=utf-8", Array(try snapshots.answer(question).table.csv.utf8))
    case "sql":
      return Reply(type: "text/plain; charset=utf-8", Array((question.literal + ";\n").utf8))
    default: throw BadRequest("no such form", "form=\(form): expected csv or sql")
    }
  }

  // MARK: details

  private func decodedPath(_ request: Request) -> [String]? {
    var parts: [String] = []
    for part in request.path {
      guard let text = decoded(part), !text.contains("/") else { return nil }
      parts.append(text)
    }
    return parts
  }

  private func health() -> Reply {
    do {
      _ = try snapshots.session { try $0.query("select 1") }
      return text(200, "ok")
    } catch {
      return text(503, "the database is away")
    }
  }

  private func asset(_ path: [String]) -> Reply {
    guard path.count == 2, let asset = assets.byName[path[1]] else {
      return text(404, "there is no such asset")
    }
    var reply = Reply(type: asset.type, asset.bytes)
    reply.headers.append(("Cache-Control", "public, max-age=31536000, immutable"))
    return reply
  }

  private func message401(_ status: UInt32, _ message: String) -> Reply {
    var frame = Frame()
    frame.assets = assets.names
    return html(status, messagePage(frame, title: "not let in", message: message))
  }

  private func failure(_ error: BadRequest, _ frame: Frame, _ query: Query) -> Reply {
    if query["form"] != nil { return text(error.status, error.message) }
    return html(error.status, messagePage(frame, title: error.title, message: error.message))
  }

  func html(_ status: UInt32, _ page: HTML) -> Reply {
    Reply(status, type: "text/html; charset=utf-8", Array(page.text.utf8))
  }

  private func text(_ status: UInt32, _ line: String) -> Reply {
    Reply(status, type: "text/plain; charset=utf-8", Array("\(line)\n".utf8))
  }
}
