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

  /// Writes all elements from the host, which reads none for it; not part of a program. Operations
  /// that were run before see the old ones.
  package func upload(_ value: (_ element: Int) -> Element) {
    precondition(!device.isRecording, "DeviceList: a program is being recorded")
    withHostElements(.write, 0..<count) { target in
      for i in 0..<count { target[i] = value(i) }
    }
  }

  private func write(_ values: [Element]) {
    withHostElements(.write, 0..<count) { target in
      for i in values.indices { target[i] = values[i] }
    }
  }

  package func copy(from other: Self) {
    precondition(other.count == count, "DeviceList: \(other.count) elements for \(count)")
    device.copy(
      to: address, from: other.address, bytes: count * MemoryLayout<Element>.stride)
  }

  /// Reads an element to the host.
  package func read(_ element: Int = 0) -> Element {
    withHostElements(.read, element..<element + 1) { $0[0] }
  }

  fileprivate func withHostElements<R>(
    _ access: HostAccess, _ range: Range<Int>,
    _ body: (UnsafeMutableBufferPointer<Element>) -> R
  ) -> R {
    precondition(range.upperBound <= count, "DeviceList: element \(range) of \(count)")
    let stride = MemoryLayout<Element>.stride
    let bytes = (first + range.lowerBound) * stride..<(first + range.upperBound) * stride
    return storage.withHostMemory(access, bytes) { start in
      body(
        UnsafeMutableBufferPointer(
          start: start.assumingMemoryBound(to: Element.self), count: range.count))
    }
  }
}

/// Elements on their way to the host: `begin` asks for them as the operations before it leave them,
/// and `subscript` waits for those operations alone, while the device goes on with later ones. A CPU
/// has run them by then.
package final class HostCopy<Element: BitwiseCopyable> {
  private var values: [Element] = []

  package init() {}

  /// Asks for all elements of a list. The last ones must have been taken.
  package func begin(_ list: DeviceList<Element>) {
    list.withHostElements(.read, 0..<list.count) { found in
      if values.count != found.count { values = Array(found) }
      for i in found.indices { values[i] = found[i] }
    }
  }

  package subscript(_ element: Int) -> Element { values[element] }
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
