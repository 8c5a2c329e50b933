// A source's file whose bytes are checked before they are used.

import Files
import Threads

/// A mapped archive; where it is read in place, each of its blocks is checked once, when it is first used.
final class CheckedFile: Sendable {
  let file: MappedFile
  private let title: String
  private let digests: BlockDigests?
  private let isChecked: Monitor<[Bool]>

  /// - Parameters:
  ///   - title: name of the archive in messages
  ///   - digests: nil for a file that was checked as a whole
  /// - Throws: `FileError`, `ChangedSource`
  init(_ path: String, called title: String, digests: BlockDigests?) throws {
    file = try MappedFile(path)
    (self.title, self.digests) = (title, digests)
    isChecked = Monitor([Bool](repeating: false, count: digests?.blocks ?? 0))
    if let digests, file.bytes.count != digests.size {
      throw changed("it has \(file.bytes.count) bytes instead of \(digests.size)")
    }
  }

  /// Checks the blocks around bytes that are about to be used.
  /// - Throws: `ChangedSource`
  func check(_ range: Range<Int>) throws {
    guard let digests, !range.isEmpty else { return }
    let last = min(range.upperBound, digests.size) - 1
    guard last >= range.lowerBound else { return }
    let block = BlockDigests.blockSize
    for number in range.lowerBound / block...last / block where !isChecked.read({ $0[number] }) {
      guard digests.fits(number, of: file) else {
        throw changed("the MiB at byte \(number * block) is another")
      }
      isChecked.updateAndWake {
        $0[number] = true
        return false
      }
    }
  }

  private func changed(_ what: String) -> ChangedSource {
    ChangedSource(
      description: "\(title): has changed since it was submitted: \(what); submit the run again")
  }
}

/// A source that is read in place is no longer the one that was submitted.
struct ChangedSource: BadInput, Equatable, CustomStringConvertible {
  let description: String
}
