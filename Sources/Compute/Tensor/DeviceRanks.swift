// Exchanges between tensors on GPUs of several processes, by NCCL.

import CKernels

/// The GPUs of several processes that exchange tensors. All make the same calls in the same order, on one thread at a time.
/// A call ends when it is done here, or throws as soon as a process is gone.
package final class DeviceRanks {
  /// An exchange that has not taken place.
  package struct Failure: Error, CustomStringConvertible {
    /// Whether another process is gone, and this one is at no fault.
    package let isParted: Bool
    package let description: String
  }

  private let handle: OpaquePointer
  /// Keeps the GPU.
  private let device: Device
  private let watch: Watch

  private final class Watch {
    let isParted: () -> Bool
    init(_ isParted: @escaping () -> Bool) { self.isParted = isParted }
  }

  /// Bytes of a reason.
  private static let longest = 1024

  /// Version of NCCL, as 2.27.3, or why it is not there.
  package static var version: (version: String, reason: String) {
    var why = [CChar](repeating: 0, count: longest)
    let number = device_ranks_version(&why, longest)
    guard number > 0 else { return ("", text(why)) }
    return ("\(number / 10_000).\(number / 100 % 100).\(number % 100)", "")
  }

  /// The id that one process gives to all.
  package static func makeID() throws -> [UInt8] {
    var id = [UInt8](repeating: 0, count: Int(DEVICE_RANKS_ID))
    var why = [CChar](repeating: 0, count: longest)
    guard device_ranks_make_id(&id, &why, longest) else {
      throw Failure(isParted: false, description: text(why))
    }
    return id
  }

  /// Bytes of an id.
  package static let idBytes = Int(DEVICE_RANKS_ID)

  /// Waits for all ranks and connects their GPUs.
  /// - Parameter isParted: asked now and then while others are waited for: whether one is gone
  package init(
    on device: Device, id: [UInt8], rank: Int, size: Int, isParted: @escaping () -> Bool
  ) throws {
    (self.device, watch) = (device, Watch(isParted))
    var why = [CChar](repeating: 0, count: Self.longest)
    var made: OpaquePointer?
    let face = device_ranks_watch(context: Unmanaged.passUnretained(watch).toOpaque()) {
      Unmanaged<Watch>.fromOpaque($0!).takeUnretainedValue().isParted()
    }
    let result = device_ranks_open(
      device.memory.handle, id, Int32(rank), Int32(size), face, &made, &why, Self.longest)
    guard let made else { throw Self.failure(result, why) }
    handle = made
  }

  deinit { device_ranks_close(handle) }

  /// Sends the r-th of equal pieces of `from` to rank r; the piece that came from rank r becomes the r-th of `to`. The devices
  /// must have done all operations on both.
  package func allToAll(_ from: Tensor, _ to: Tensor, among size: Int) throws {
    try call {
      device_ranks_all_to_all(
        handle, from.address, to.address, from.byteCount / size, &$0, Self.longest)
    }
  }

  /// Sends `from` to all ranks; that of rank r becomes the r-th piece of `to`. As `allToAll`.
  package func allGather(_ from: Tensor, _ to: Tensor) throws {
    try call {
      device_ranks_all_gather(handle, from.address, to.address, from.byteCount, &$0, Self.longest)
    }
  }

  private func call(_ body: (inout [CChar]) -> Int32) throws {
    var why = [CChar](repeating: 0, count: Self.longest)
    let result = body(&why)
    if result != Int32(DEVICE_RANKS_DONE) { throw Self.failure(result, why) }
  }

  private static func failure(_ result: Int32, _ why: [CChar]) -> Failure {
    Failure(
      isParted: result == Int32(DEVICE_RANKS_PARTED), description: text(why))
  }

  private static func text(_ why: [CChar]) -> String {
    String(decoding: why.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

extension Device {
  /// Place of a GPU on the bus of its host; nil for a CPU.
  package var bus: String? {
    var text = [CChar](repeating: 0, count: 64)
    device_bus(memory.handle, &text, text.count)
    let bytes = text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
    return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
  }
}
