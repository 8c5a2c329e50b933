// The log of `pra worker`, in which names and messages of strangers appear.

import Files
import Logging

/// Lines on standard error with escapes in the place of characters that a terminal would obey.
struct WorkerLog: LogHandler {
  private var stream: StreamLogHandler

  init(label: String) { stream = StreamLogHandler.standardError(label: label) }

  func log(event: LogEvent) {
    var event = event
    event.message = "\(event.message.description.shown)"
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
