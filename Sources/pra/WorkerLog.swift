// The log of `pra worker`, in which names and messages of strangers appear.

import Files
import Glibc
import Logging

/// Lines on standard error with escapes in the place of characters that a terminal would obey; or JSON.
struct WorkerLog: LogHandler {
  private var stream: StreamLogHandler
  private let worker: String

  /// - Parameter worker: the name of the worker
  init(label: String, worker: String) {
    stream = StreamLogHandler.standardError(label: label)
    self.worker = worker
  }

  func log(event: LogEvent) {
    if LogFormat.current == .json {
      let known = (event.metadata ?? [:]).map { ($0.key, $0.value.description) }.sorted {
        $0.0 < $1.0
      }
      let line = LogFormat.line(
        event.level.rawValue, event.message.description, [("worker", worker)] + known)
      _ = writeWhole(Array((line + "\n").utf8)[...], to: STDERR_FILENO)
      return
    }
    var event = event
    event.message = "\(event.message.description.shown)"
    // The message says what the metadata say.
    event.metadata = nil
    stream.log(event: event)
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { stream[metadataKey: key] }
    set { stream[metadataKey: key] = newValue }
  }

  var metadata: Logger.Metadata {
    get { stream.metadata }
    set { stream.metadata = newValue }
  }

  var metadataProvider: Logger.MetadataProvider? {
    get { stream.metadataProvider }
    set { stream.metadataProvider = newValue }
  }

  var logLevel: Logger.Level {
    get { stream.logLevel }
    set { stream.logLevel = newValue }
  }
}
