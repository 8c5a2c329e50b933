// The output of stages on its way to the database: kept on disk, so that an outage of the database
// neither stops the stage nor fills the memory (G8).

import Glibc
import JobQueue
import Synchronization

/// The output of one attempt. One thread reads it from the stage, the reporter sends it.
final class LogSpool: Sendable {
  struct Chunk: Sendable {
    /// Number within the attempt, from 0.
    let ordinal: Int32
    let bytes: [UInt8]
  }

  private struct State {
    var written: Int64 = 0
    var sent: Int64 = 0
    var chunks: Int32 = 0
    var ended = false
    var cut = false
    var line: [UInt8] = []
    var error: String?
    var hasLine = false
    var redactor: Redactor
  }

  /// One row of pra_store.log_chunks; TOAST compresses it.
  static let chunkSize = 1 << 16
  /// A stage that prints in an endless loop must not fill disk and database.
  static let limit: Int64 = 256 << 20
  /// pra.report_exit keeps 4000 characters of a message.
  private static let lineLimit = 4096

  private let descriptor: Int32
  private let state: Mutex<State>

  /// - Parameters:
  ///   - path: path of the spool file, which loses its name when it is open
  ///   - redactor: removes secrets
  init(path: String, redactor: Redactor = Redactor(environment: [:])) throws(AgentError) {
    state = Mutex(State(redactor: redactor))
    descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw AgentError("\(path): \(systemError())") }
    unlink(path)
  }

  deinit { close(descriptor) }

  func append(_ bytes: ArraySlice<UInt8>) {
    state.withLock { state in take(state.redactor.append(bytes), &state) }
  }

  private func take(_ bytes: [UInt8], _ state: inout State) {
    remember(bytes[...], &state)
    if !state.cut { spool(bytes[...], &state) }
  }

  /// Marks the output as complete.
  func end() {
    state.withLock { state in
      take(state.redactor.end(), &state)
      remember([UInt8(ascii: "\n")], &state)
      state.ended = true
    }
  }

  /// The next chunk to send; the same until `confirm`, so that it may be sent twice.
  func next() throws(AgentError) -> Chunk? {
    let (ordinal, start, count) = state.withLock { state in
      (state.chunks, state.sent, Int(min(state.written - state.sent, Int64(Self.chunkSize))))
    }
    guard count > 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: count)
    guard pread(descriptor, &bytes, count, off_t(start)) == count else {
      throw AgentError("spool of the log: \(systemError())")
    }
    return Chunk(ordinal: ordinal, bytes: bytes)
  }

  /// Marks a chunk as stored in the database.
  func confirm(_ chunk: Chunk) {
    state.withLock { state in
      state.chunks = chunk.ordinal + 1
      state.sent += Int64(chunk.bytes.count)
    }
  }

  /// The last line that began with `error: `, without that prefix, or the dynamic linker's.
  var error: String? { state.withLock { $0.error } }

  // MARK: details

  private func remember(_ bytes: ArraySlice<UInt8>, _ state: inout State) {
    for byte in bytes {
      if byte == UInt8(ascii: "\n") {
        // A text of PostgreSQL holds no zero byte.
        if state.line.starts(with: "error: ".utf8) {
          state.error = String(
            decoding: state.line.dropFirst(7).filter { $0 != 0 }, as: UTF8.self)
        } else if !state.hasLine {
          // The dynamic linker's word is a program's first.
          let line = String(decoding: state.line.filter { $0 != 0 }, as: UTF8.self)
          if line.contains(": error while loading shared libraries: ") { state.error = line }
        }
        state.hasLine = true
        state.line.removeAll(keepingCapacity: true)
      } else if state.line.count < Self.lineLimit {
        state.line.append(byte)
      }
    }
  }

  private func spool(_ bytes: ArraySlice<UInt8>, _ state: inout State) {
    var note: String?
    if state.written + Int64(bytes.count) > Self.limit {
      note = "the log is cut here: more than \(Self.limit >> 20) MiB"
    } else if !write(Array(bytes), &state) {
      note = "the log is cut here: \(systemError())"
    }
    guard let note else { return }
    state.cut = true
    // On a full disk not even this fits, and the log just ends.
    _ = write(Array("\npra worker: \(note)\n".utf8), &state)
  }

  private func write(_ bytes: [UInt8], _ state: inout State) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        pwrite(
          descriptor, $0.baseAddress! + done, bytes.count - done,
          off_t(state.written + Int64(done)))
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      done += count
    }
    state.written += Int64(bytes.count)
    return true
  }
}
