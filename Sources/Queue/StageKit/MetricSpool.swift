// Metric batches that are not known to be on the server's disk: in memory, and in a file when there
// are many.

import Glibc
import Postgres
import RunStore

/// Batches in the order of their numbers. Used by one thread.
///
/// Batches above the memory limit go to a file without a name, so that nothing remains of it
/// however the process ends; it is emptied when its last batch is confirmed.
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
  /// The error of the disk; from then on batches stay in memory.
  private(set) var diskFailure: String?

  /// - Parameters:
  ///   - folder: the folder of the file
  ///   - memoryLimit: bytes
  init(folder: String, memoryLimit: Int) {
    self.folder = folder
    self.memoryLimit = memoryLimit
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  var count: Int { batches.count - first }
  var bytesInMemory: Int { memory }
  var bytesOnDisk: Int64 { end }

  /// Adds a batch, as the contents of a COPY.
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

  /// A batch by its position in the queue.
  func batch(_ index: Int) throws(StoreError) -> (number: Int64, rows: BinaryCopy) {
    let batch = batches[first + index]
    switch batch.place {
    case .memory(let bytes): return (batch.number, BinaryCopy(content: bytes))
    case .disk(let offset, let count):
      var bytes = [UInt8](repeating: 0, count: count)
      guard pread(descriptor, &bytes, count, off_t(offset)) == count else {
        throw StoreError(
          "cannot read the spool of metrics in \(folder): \(lastSystemError())", code: errno)
      }
      return (batch.number, BinaryCopy(content: bytes))
    }
  }

  func number(_ index: Int) -> Int64 { batches[first + index].number }

  /// Removes the first batches, which are known to be on the server's disk.
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

/// The message of the C library's last error.
func lastSystemError() -> String { String(cString: strerror(errno)) }
