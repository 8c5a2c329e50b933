// Lists of plain data in a device's memory: row numbers, counters, scalars, arguments.

import CKernels

/// A reference to elements on a device, which copies share.
package struct DeviceList<Element: BitwiseCopyable> {
  package let count: Int
  package let device: Device
  private let storage: Storage
  private let first: Int

  /// A list whose elements are not set.
  package init(uninitialized count: Int, on device: Device) {
    self.count = count
    self.device = device
    first = 0
    storage = Storage(
      byteCount: count * MemoryLayout<Element>.stride, allocator: device.allocator)
  }

  package init(_ values: [Element], on device: Device) {
    count = values.count
    self.device = device
    first = 0
    storage = device.storageForHost(byteCount: count * MemoryLayout<Element>.stride)
    write(values)
  }

  private init(_ range: Range<Int>, of list: Self) {
    precondition(range.upperBound <= list.count, "DeviceList: \(range) of \(list.count)")
    (count, device, storage) = (range.count, list.device, list.storage)
    first = list.first + range.lowerBound
  }

  /// Some elements of this list, which both share.
  package func part(_ range: Range<Int>) -> Self { Self(range, of: self) }

  /// The address of element 0.
  package var address: DeviceAddress { storage.address(at: first * MemoryLayout<Element>.stride) }

  package func address(at element: Int) -> DeviceAddress {
    storage.address(at: (first + element) * MemoryLayout<Element>.stride)
  }

  /// Writes all elements from the host; not part of a program.
  package func upload(_ values: [Element]) {
    precondition(values.count == count, "DeviceList: \(values.count) values for \(count)")
    precondition(!device.isRecording, "DeviceList: a program is being recorded")
    write(values)
  }

  private func write(_ values: [Element]) {
    withHostElements { target in
      for i in values.indices { target[i] = values[i] }
    }
  }

  package func copy(from other: Self) {
    precondition(other.count == count, "DeviceList: \(other.count) elements for \(count)")
    device.copy(
      to: address, from: other.address, bytes: count * MemoryLayout<Element>.stride)
  }

  /// Reads an element to the host.
  package func read(_ element: Int = 0) -> Element { withHostElements { $0[element] } }

  /// Changes an element from the host; not part of a program.
  package func change(_ element: Int = 0, _ change: (inout Element) -> Void) {
    precondition(!device.isRecording, "DeviceList: a program is being recorded")
    withHostElements { change(&$0[element]) }
  }

  private func withHostElements<R>(_ body: (UnsafeMutableBufferPointer<Element>) -> R) -> R {
    storage.withHostMemory { start in
      body(
        UnsafeMutableBufferPointer(
          start: (start + first * MemoryLayout<Element>.stride)
            .assumingMemoryBound(to: Element.self), count: count))
    }
  }
}

/// Row numbers for lookups.
package typealias Indices = DeviceList<Int32>

/// A number that operations compute, in float64.
package struct DeviceNumber {
  private let list: DeviceList<Double>
  private let element: Int

  /// - Parameter list: holds the number at `element`
  package init(_ list: DeviceList<Double>, _ element: Int = 0) {
    (self.list, self.element) = (list, element)
  }

  package init(on device: Device) { self.init(DeviceList(uninitialized: 1, on: device)) }

  package var device: Device { list.device }
  package var address: DeviceAddress { list.address(at: element) }
  /// The value that the latest run of its operations left.
  package var value: Double { list.read(element) }

  /// self = the sum of weight * number over the terms, in their order.
  package func setToSum(_ terms: [(weight: Double, of: DeviceNumber)]) {
    let most = Int(WEIGHTED_TERMS)
    precondition(terms.count <= most, "setToSum: \(terms.count) terms, at most \(most)")
    func term(_ i: Int) -> WeightedNumber {
      i < terms.count
        ? WeightedNumber(x: terms[i].of.address, weight: terms[i].weight) : WeightedNumber()
    }
    device.run(
      .weightedSum(
        .init(
          out: address, count: terms.count,
          terms: (term(0), term(1), term(2), term(3), term(4), term(5), term(6), term(7)))),
      .float64)
  }
}
