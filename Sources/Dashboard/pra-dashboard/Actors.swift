// Acting: who may do what, a page that asks first, and the deed with the person's name in the journal.

import JobQueue
import Pages
import Postgres

/// The people who may act, and the login that acts for them.
struct Actors: Sendable {
  enum Role: String {
    case read, submit, operate

    var mayAct: Bool { self != .read }
  }

  /// Roles by user; nil where everybody who is let in may operate.
  let roles: [String: Role]?
  let url: DatabaseURL

  /// - Parameter file: lines of the form `user = role`; `#` begins a comment
  /// - Throws: `StartFault` that names the line
  static func parse(_ file: String, path: String) throws(StartFault) -> [String: Role] {
    var roles: [String: Role] = [:]
    for (number, line) in file.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let words = line.prefix { $0 != "#" }.split(separator: "=").map {
        $0.split(separator: " ").joined(separator: " ")
      }
      if words.isEmpty || words == [""] { continue }
      guard words.count == 2, let role = Role(rawValue: words[1]), !words[0].isEmpty else {
        throw StartFault(
          message: "--actors \(path): line \(number + 1): expected user = read, submit or operate")
      }
      roles[words[0]] = role
    }
    return roles
  }

  func role(of user: String?) -> Role {
    guard let roles else { return .operate }
    return user.flatMap { roles[$0] } ?? .read
  }

  /// A deed on one job, run, queue or worker.
  struct Verb: Sendable {
    let role: Role
    /// The line that does the same in the terminal, without its target.
    let command: String
    /// For deeds on the jobs of a filter, whether it is for those that ended badly.
    var chooses: Bool? = nil
    /// Whether a number comes with the target, behind a space, as in "12 5".
    var hasNumber = false
    let does: @Sendable (SubmitQueue, Connection, String) throws -> String
  }

  private static func number(_ text: String) throws -> Int64 {
    guard let number = Int64(text), number > 0 else {
      throw BadRequest("no such target", "target=\(text): expected a number")
    }
    return number
  }

  private static func jobs(_ number: Int64) -> String {
    number == 1 ? "1 job was" : "\(number) jobs were"
  }

  private static let verbs: [String: Verb] = [
    "cancel-job": Verb(role: .submit, command: "pra cancel") { queue, _, target in
      "\(jobs(try queue.cancel(number(target)))) cancelled or asked to stop"
    },
    "cancel-run": Verb(role: .submit, command: "pra cancel --run") { queue, _, target in
      "\(jobs(try queue.cancelRun(number(target)))) cancelled or asked to stop"
    },
    "cancel-jobs": Verb(role: .submit, command: "pra cancel", chooses: false) {
      queue, connection, target in
      let jobs = try ChosenJobs(target, ended: false).ids(connection)
      return "\(try queue.cancel(many: jobs)) of \(jobs.count) jobs were cancelled or asked to stop"
    },
    "retry-jobs": Verb(role: .submit, command: "pra retry", chooses: true) {
      queue, connection, target in
      let jobs = try ChosenJobs(target, ended: true).ids(connection)
      return "\(try queue.retry(many: jobs)) of \(jobs.count) jobs are in line again"
    },
    "retry-job": Verb(role: .submit, command: "pra retry") { queue, _, target in
      "job \(target) is \(try queue.retry(number(target)))"
    },
    "pause-run": Verb(role: .submit, command: "pra pause") { queue, _, target in
      try queue.pause(run: number(target))
      return "run \(target) is paused"
    },
    "resume-run": Verb(role: .submit, command: "pra resume") { queue, _, target in
      try queue.resume(run: number(target))
      return "run \(target) goes on"
    },
    "set-priority": Verb(role: .submit, command: "pra priority", hasNumber: true) {
      queue, _, target in
      let words = target.split(separator: " ").map(String.init)
      guard words.count == 2, let to = Int(words[1]), (-1_000_000...1_000_000).contains(to) else {
        throw BadRequest(
          "no such priority", "to: expected a whole number from -1000000 to 1000000")
      }
      try queue.setPriority(number(words[0]), to)
      return "job \(words[0]) has priority \(to)"
    },
    "preempt-job": Verb(role: .operate, command: "pra preempt") { queue, _, target in
      try queue.preempt(number(target), reason: "asked on the dashboard")
      return "job \(target) was asked to give way"
    },
    "pause-queue": Verb(role: .operate, command: "pra pause --queue") { queue, _, target in
      try queue.pause(queue: target)
      return "queue \(target) is paused"
    },
    "resume-queue": Verb(role: .operate, command: "pra resume --queue") { queue, _, target in
      try queue.resume(queue: target)
      return "queue \(target) goes on"
    },
    "drain-worker": Verb(role: .operate, command: "pra drain") { queue, _, target in
      "\(jobs(try queue.drain(worker: number(target)))) asked to stop; worker \(target) gets no more"
    },
    "undrain-worker": Verb(role: .operate, command: "pra drain --undo") { queue, _, target in
      try queue.undrain(worker: number(target))
      return "worker \(target) gets jobs again"
    },
  ]

  private func verb(_ query: Query, _ user: String?) throws -> (name: String, target: String, Verb)
  {
    guard let name = query["verb"], let verb = Self.verbs[name], var target = query["target"] else {
      throw BadRequest(
        "no such deed",
        "verb=\(query["verb"] ?? ""): expected one of \(Self.verbs.keys.sorted().joined(separator: ", ")), and a target"
      )
    }
    let own = role(of: user)
    guard own == .operate || own == verb.role else {
      throw BadRequest(
        403, "not allowed",
        "\(user ?? "this user") may \(own.rawValue); \(name) needs \(verb.role.rawValue)")
    }
    // A form that asks gives the number by itself.
    if verb.hasNumber, let to = query["to"] { target += " \(to)" }
    return (name, target, verb)
  }

  /// The page that asks before a deed; of a deed on many jobs with their number.
  func ask(_ query: Query, _ user: String?, _ frame: Frame, _ snapshots: Snapshots) throws -> Reply
  {
    let (name, target, verb) = try verb(query, user)
    var command = "\(verb.command) \(target)"
    if verb.hasNumber { command = "\(verb.command) \(target.replacing(" ", with: " --to "))" }
    var hits: Int64?
    if let ended = verb.chooses {
      let jobs = try snapshots.session { try ChosenJobs(target, ended: ended).ids($0) }
      command = ([verb.command] + jobs.prefix(12).map(String.init)).joined(separator: " ")
      if jobs.count > 12 { command += " ..." }
      hits = Int64(jobs.count)
    } else if name == "cancel-run" {
      let run = try ChosenJobs("run=\(Self.number(target))", ended: false)
      hits = Int64(try snapshots.session { try run.ids($0) }.count)
    } else if name == "drain-worker" {
      let worker = Question(QueueQueries.runningOn, [.integer(try Self.number(target))])
      hits = try snapshots.answer(worker).table.records.first?.integer("jobs")
    }
    let page = frame.askPage(
      verb: name, target: target, command: command, user: user, hits: hits)
    return Reply(type: "text/html; charset=utf-8", Array(page.text.utf8))
  }

  /// Does what a form asks for, as its person, and says what changed.
  func act(_ request: Request, _ user: String?, _ frame: Frame, _ gate: Gate) throws -> Reply {
    guard request.header("Content-Type")?.hasPrefix("application/x-www-form-urlencoded") ?? false
    else {
      throw BadRequest(415, "no form", "expected the form of this page")
    }
    let isOwn: Bool
    if let site = request.header("Sec-Fetch-Site") {
      isOwn = site == "same-origin"
    } else {
      let host = request.header("Host") ?? ""
      isOwn = ["http://\(host)", "https://\(host)"].contains(request.header("Origin") ?? "")
    }
    guard isOwn else {
      throw BadRequest(403, "not from here", "the form is not of a page of this server")
    }
    let form = Query(parsing: Substring(String(decoding: request.body, as: UTF8.self)))
    guard let token = form["token"], isEqual(token, gate.actingToken(of: user)) else {
      throw BadRequest(
        403, "an old form", "the form's token is not of this session; open the page again")
    }
    let (_, target, verb) = try verb(form, user)
    let connection = try Connection(url, role: .submit, name: "pra dashboard")
    if let user {
      try connection.query(
        "select set_config('pra.actor', $1, false), set_config('pra.operates', $2, false)",
        [.text(user), .text(role(of: user) == .operate ? "yes" : "")])
    }
    let done = try verb.does(SubmitQueue(connection), connection, target)
    let page = frame.donePage(done: done)
    return Reply(type: "text/html; charset=utf-8", Array(page.text.utf8))
  }
}
