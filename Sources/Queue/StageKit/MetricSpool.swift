// Metric batches that the server does not have for certain: in memory, and on disk when there are many.

import Glibc
import Postgres
import RunStore

/// Batches in the order of their numbers. Used by one thread.
///
/// What exceeds the memory limit goes to a file that has no name, so that nothing remains of it
/// whatever happens to the process; it is emptied when its last batch is confirmed.
final class MetricSpool {
  private enum Place {
    case memory([UInt8])
    case disk(offset: Int64, count: Int)
  }

  private struct Batch {
    let number: Int64
    let place: Place
  }

  private var batches: [Batch] = []
  private var first = 0
  private var memory = 0
  private var onDisk = 0
  private var end: Int64 = 0
  private let memoryLimit: Int
  private let folder: String
  private var descriptor: Int32 = -1
  /// Why the disk could not be used; from then on batches stay in memory.
  private(set) var diskFailure: String?

  /// - Parameters:
  ///   - folder: where the file lies for as long as it is open
  ///   - memoryLimit: bytes
  init(folder: String, memoryLimit: Int) {
    self.folder = folder
    self.memoryLimit = memoryLimit
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  var count: Int { batches.count - first }
  var bytesInMemory: Int { memory }
  var bytesOnDisk: Int64 { end }

  /// Takes a batch in, as the content of a COPY.
  func append(number: Int64, _ rows: BinaryCopy) {
    let bytes = rows.content
    if memory + bytes.count > memoryLimit, diskFailure == nil, let offset = spill(bytes) {
      batches.append(Batch(number: number, place: .disk(offset: offset, count: bytes.count)))
      onDisk += 1
    } else {
      batches.append(Batch(number: number, place: .memory(bytes)))
      memory += bytes.count
    }
  }

  /// A batch by its place in line.
  func batch(_ index: Int) throws(StoreError) -> (number: Int64, rows: BinaryCopy) {
    let batch = batches[first + index]
    switch batch.place {
    case .memory(let bytes): return (batch.number, BinaryCopy(content: bytes))
    case .disk(let offset, let count):
      var bytes = [UInt8](repeating: 0, count: count)
      guard pread(descriptor, &bytes, count, off_t(offset)) == count else {
        throw StoreError("cannot read the spool of metrics in \(folder): \(lastSystemError())")
      }
      return (batch.number, BinaryCopy(content: bytes))
    }
  }

  func number(_ index: Int) -> Int64 { batches[first + index].number }

  /// The server has the first batches for certain.
  func removeFirst(_ count: Int) {
    for batch in batches[first..<first + count] {
      switch batch.place {
      case .memory(let bytes): memory -= bytes.count
      case .disk: onDisk -= 1
      }
    }
    first += count
    if first == batches.count || first > 1024 {
      batches.removeFirst(first)
      first = 0
    }
    if onDisk == 0 && end > 0 {
      ftruncate(descriptor, 0)
      end = 0
    }
  }

  private func spill(_ bytes: [UInt8]) -> Int64? {
    if descriptor < 0 {
      let path = "\(folder)/metrics.spool"
      descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else {
        diskFailure = "\(path): \(lastSystemError())"
        return nil
      }
      unlink(path)
    }
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        pwrite(descriptor, $0.baseAddress! + done, bytes.count - done, off_t(end + Int64(done)))
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        diskFailure = "spool of metrics in \(folder): \(lastSystemError())"
        return nil
      }
      done += count
    }
    defer { end += Int64(bytes.count) }
    return end
  }
}

/// What the last failed call of the C library says.
func lastSystemError() -> String { String(cString: strerror(errno)) }
