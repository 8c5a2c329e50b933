// Row numbers for lookups.

/// A reference to 32-bit numbers on a device: copies share them.
package struct Indices {
  package let count: Int
  private let storage: Storage

  /// - Parameter write: sets all elements, now and whenever the program being recorded is run
  package init(
    _ count: Int, on device: Device, _ write: @escaping (UnsafeMutablePointer<Int32>) -> Void
  ) {
    self.count = count
    storage = Storage(
      byteCount: count * MemoryLayout<Int32>.size, allocator: device.allocator)
    let target = pointer
    device.perform { write(target) }
  }

  package init(_ values: [Int32], on device: Device) {
    self.init(values.count, on: device) { target in
      for i in values.indices { target[i] = values[i] }
    }
  }

  package var pointer: UnsafeMutablePointer<Int32> {
    storage.address.assumingMemoryBound(to: Int32.self)
  }
}
