// A database with a little history, and the built server as a process that shows it.

import Configuration
import DatabaseTesting
import Foundation
import JobQueue
import Postgres
import Testing

struct DashboardWorld {
  let database: TestDatabase
  let admin: Connection
  let submit: SubmitQueue
  let workers: WorkerQueue

  init() throws {
    database = try TestDatabase.create()
    admin = try database.connect()
    submit = SubmitQueue(try database.connect(.submit))
    workers = WorkerQueue(try database.connect(.worker))
  }

  static let configuration = """
    {"config": {"method": "pra", "preset": "nano", "seed": 0, "training": {"lr": 0.002, "total": 40000}}}
    """

  /// A run whose training is at work.
  func training(
    _ name: String, worker: Registration? = nil, configuration: String = Self.configuration
  ) throws -> (run: Int64, lease: Lease) {
    let run = try submit.createRun(name: name, configuration: configuration)
    _ = try submit.enqueue(NewJob(kind: "train", run: run))
    let worker = try worker ?? self.worker()
    let claimed = try #require(try workers.claim(worker: worker).first)
    return (run, claimed.lease)
  }

  /// A worker without a process: its lease, the longest there is, outlasts a test on a loaded machine.
  func worker(
    _ name: String = "a7", kinds: [String] = ["train", "sample", "evaluate"], slots: Int = 8
  ) throws
    -> Registration
  {
    try workers.register(
      name: name, labels: #"{"host": "\#(name)"}"#, kinds: kinds, slots: slots,
      lease: .seconds(600), version: codeVersion)
  }

  /// Gives a job a series, with its rollups and summary, as `absorb_metrics` would.
  /// - Parameter value: of `step`, in SQL
  func series(_ name: String, of job: Int64, steps: Int, value: String = "1 / (1 + step / 1000.0)")
    throws
  {
    try admin.run(
      """
      insert into pra_store.metric_names (name, better) values ('\(name)', 'down') on conflict do nothing;
      insert into pra_store.metric_ranges (job_id, epoch, from_step) values (\(job), 1, 0) on conflict do nothing;
      insert into pra_store.metrics (recorded_at, job_id, epoch, name_id, step, value)
      select clock_timestamp(), \(job), 1, n.id, step, \(value)
      from generate_series(0, \(steps) - 1) as step, pra_store.metric_names as n where n.name = '\(name)';
      insert into pra_store.metric_rollups (job_id, name_id, bucket, points, not_finite, total, last_step, last_value,
        min_step, min_value, max_step, max_value)
      select m.job_id, m.name_id, m.step / 256, count(*),
        count(*) filter (where m.value in ('NaN', 'Infinity', '-Infinity')),
        coalesce(sum(m.value) filter (where m.value not in ('NaN', 'Infinity', '-Infinity')), 0),
        max(m.step), (array_agg(m.value order by m.step desc))[1],
        min(m.step), min(m.value) filter (where m.value <> 'NaN'), min(m.step), max(m.value) filter (where m.value <> 'NaN')
      from pra_store.metrics as m join pra_store.metric_names as n on n.id = m.name_id
      where m.job_id = \(job) and n.name = '\(name)' group by 1, 2, 3;
      insert into pra_store.metric_summaries (job_id, name_id, points, not_finite, last_step, last_value,
        min_step, min_value, max_step, max_value)
      select r.job_id, r.name_id, sum(r.points), sum(r.not_finite), max(r.last_step),
        (array_agg(r.last_value order by r.bucket desc))[1], min(r.min_step), min(r.min_value), min(r.max_step),
        max(r.max_value)
      from pra_store.metric_rollups as r join pra_store.metric_names as n on n.id = r.name_id
      where r.job_id = \(job) and n.name = '\(name)' group by 1, 2;
      """)
  }
}

/// The reply of a server, as it came.
struct RawReply {
  let status: Int
  let head: String
  let bytes: [UInt8]

  var body: String { String(decoding: bytes, as: UTF8.self) }

  func header(_ name: String) -> String? {
    head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("\(name.lowercased()):") }
      .map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) }
  }
}

/// A running pra-dashboard, killed with its owner.
final class Server {
  let process: pid_t
  let port: UInt16
  let token: String
  private let output: Int32

  static let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appending(path: "pra-dashboard").path(percentEncoded: false)

  init(_ url: DatabaseURL, _ options: String..., environment: [String: String] = [:]) throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    let settings = ["PRA_DATABASE_URL": url.conninfo, "PATH": "/usr/bin:/bin"].merging(environment)
    { $1 }
    let words: [UnsafeMutablePointer<CChar>?] =
      ([Self.program, "--version-name", codeVersion] + options).map { strdup($0) } + [nil]
    let pairs: [UnsafeMutablePointer<CChar>?] =
      settings.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for word in words + pairs { free(word) } }
    var process = pid_t()
    let failure = posix_spawn(&process, Self.program, &actions, nil, words, pairs)
    close(ends[1])
    guard failure == 0 else { throw POSIXError(POSIXErrorCode(rawValue: failure) ?? .EIO) }
    self.process = process
    output = ends[0]
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while read(output, &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
    let shown = String(decoding: line, as: UTF8.self)
    token = shown.split(separator: "token=").last.map { String($0.prefix { $0.isHexDigit }) } ?? ""
    port = shown.firstMatch(of: /:(\d+)\//).flatMap { UInt16($0.output.1) } ?? 0
    #expect(port > 0 || options.contains { $0.hasPrefix("unix:") }, "it said: \(shown)")
  }

  deinit {
    close(output)
    kill(process, SIGKILL)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
  }

  /// The cookie that the token is exchanged for.
  func cookie() throws -> String {
    let reply = try get("/?token=\(token)", headers: [])
    #expect(reply.status == 303)
    return String(try #require(reply.header("Set-Cookie")).prefix { $0 != ";" })
  }

  func get(_ path: String, headers: [String]) throws -> RawReply {
    try send(
      "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n" + headers.map { "\($0)\r\n" }.joined()
        + "\r\n")
  }

  /// A page as a browser with the cookie sees it.
  func page(_ path: String) throws -> RawReply {
    try get(path, headers: ["Cookie: \(try cookie())"])
  }

  /// A socket to the server that stays open.
  func connect() throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
    let isOpen = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    try #require(isOpen)
    return descriptor
  }

  /// Sends bytes and reads to the end of the reply.
  func send(_ text: String) throws -> RawReply {
    let descriptor = try connect()
    defer { close(descriptor) }
    let closing = text.replacing(
      "\r\n\r\n", with: "\r\nConnection: close\r\n\r\n", maxReplacements: 1)
    try #require(write(descriptor, closing, closing.utf8.count) == closing.utf8.count)
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count <= 0 { break }
      bytes += buffer[..<count]
    }
    let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) ?? bytes.endIndex..<bytes.endIndex
    let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
    let status = head.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return RawReply(status: status, head: head, bytes: Array(bytes[end.upperBound...]))
  }
}
