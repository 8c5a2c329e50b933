// Operations as data: recorded, printed, measured, and run on memory that is closed to the host.

import CKernels
import Testing

@testable import Tensor

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct OperationTests {
  private func product(on device: Device) -> (Tensor, Tensor, Tensor) {
    let x = Tensor(repeating: 2, [3, 4], on: device)
    let w = Tensor(repeating: 3, [4, 5], on: device)
    return (x, w, Tensor(uninitialized: [3, 5], on: device))
  }

  @Test func aProgramIsPrintedOperationByOperation() {
    let device = Device(threads: 1)
    let (x, w, y) = product(on: device)
    let program = device.record {
      matrixProduct(into: Matrix(y), Matrix(x), Matrix(w), m: 3, n: 5, k: 4)
      y.combine(0.5, y, 0, y)
    }.0
    #expect(
      program.description == """
        matrix_product float32 over 1: 120 operations, 188 bytes
        combine float32 over 3: 30 operations, 180 bytes
        """)
    #expect(y.download().floats.allSatisfy { $0 == 12 })
    x.fill(with: 4)
    program.run()
    #expect(y.download().floats.allSatisfy { $0 == 24 })
  }

  @Test func aProfileCountsEveryOperation() {
    let device = Device(threads: 2)
    let (x, w, y) = product(on: device)
    let rows = device.profiled {
      for _ in 0..<3 { matrixProduct(into: Matrix(y), Matrix(x), Matrix(w), m: 3, n: 5, k: 4) }
      y.fill(with: 0)
    }
    #expect(Set(rows.map(\.name)) == ["fill", "matrix_product"])
    let found = rows.first { $0.name == "matrix_product" }
    #expect(found?.count == 3 && found?.operations == 360 && found?.bytes == 564)
    #expect(rows.allSatisfy { $0.seconds > 0 })
    #expect(device.profiled {}.isEmpty)
  }

  /// An operation in bfloat16 moves half of the bytes.
  @Test func activationsInBFloat16CountHalf() {
    let device = Device(threads: 1)
    func bytes(_ type: ElementType) -> Double {
      let (x, y) = (
        Tensor(repeating: 1, [3, 8], type: type, on: device),
        Tensor(uninitialized: [3, 4], type: type, on: device)
      )
      let w = Tensor(repeating: 1, [8, 4], on: device)
      return device.profiled {
        y.run(.swiglu(.init(out: y.address, x: x.address, width: 4)), over: 3)
        matrixProduct(into: Matrix(y), Matrix(x), Matrix(w), m: 3, n: 4, k: 8)
      }.reduce(0) { $0 + $1.bytes }
    }
    #expect(bytes(.float32) == Double(4 * (36 + 24 + 12 + 32)))
    #expect(bytes(.bfloat16) == Double(2 * (36 + 24 + 12) + 4 * 32))
  }

  /// Numbers that the host writes during a recording are not overwritten by the tensors after it.
  @Test func numbersOfTheHostStayInAProgram() {
    let device = Device(threads: 1)
    let sum = Tensor(repeating: 0, [8], on: device)
    let program = device.record {
      for value in 1...3 {
        let constant = Tensor([Float](repeating: Float(value), count: 8), [8], on: device)
        sum.combine(1, sum, 1, constant)
        Tensor(uninitialized: [8], on: device).fill(with: 100)
      }
    }.0
    program.run()
    #expect(sum.download().floats.allSatisfy { $0 == 12 })
  }

  /// A run stops at each mark when the operations before it are done and none behind it, and ends where it is told to.
  @Test func aProgramStopsAtItsMarks() throws {
    let device = Device(threads: 1)
    let sum = Tensor(repeating: 0, [8], on: device)
    let one = Tensor(repeating: 1, [8], on: device)
    let program = device.record {
      for _ in 0..<3 {
        sum.combine(1, sum, 1, one)
        device.mark()
      }
      sum.combine(1, sum, 1, one)
    }.0
    #expect(sum.download()[0] == 4)
    var seen: [Double] = []
    program.run {
      #expect($0 == seen.count)
      seen.append(sum.download()[7])
    }
    #expect(seen == [5, 6, 7] && sum.download()[0] == 8)
    struct Fault: Error {}
    #expect(throws: Fault.self) { try program.run { if $0 == 1 { throw Fault() } } }
    #expect(sum.download()[0] == 10)
    program.run()
    #expect(sum.download()[0] == 14)
  }

  @Test(arguments: DeviceKind.ofEveryMachine)
  func aPartOfATensorIsItsMemory(_ kind: DeviceKind) {
    let device = Device(threads: 1, kind: kind)
    let whole = Tensor((0..<12).map { Float($0) }, [3, 4], on: device)
    let part = whole.part(from: 4, [2, 4]).part(from: 2, [2, 2])
    #expect(part.download().floats == [6, 7, 8, 9] && part.shape == [2, 2])
    part.fill(with: -1)
    part.withHostElements { $0[3] = 5 }
    #expect(whole.download().floats == [0, 1, 2, 3, 4, 5, -1, -1, -1, 5, 10, 11])
    part.copy(from: whole.part(from: 0, [2, 2]))
    #expect(whole.download().floats == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 10, 11])
  }

  @Test(arguments: DeviceKind.ofEveryMachine)
  func everyKindOfDeviceHasTheSameNumbers(_ kind: DeviceKind) {
    let device = Device(threads: 2, kind: kind)
    let (x, w, y) = product(on: device)
    matrixProduct(into: Matrix(y), Matrix(x), Matrix(w), m: 3, n: 5, k: 4)
    #expect(y.download().floats == [Float](repeating: 24, count: 15))
    y.withHostElements { $0[3] = 1 }
    #expect(y.slice(0..<1).download().doubles == [24, 24, 24, 1, 24])
    let large = Tensor(repeating: 1, [700_000], on: device)
    let other = Tensor(repeating: 2, [700_000], on: device)
    large.exchange(with: other)
    #expect(large.download()[699_999] == 2 && other.download()[0] == 1)
  }

  /// The fault that a device with memory of its own would make silent or wrong.
  @Test func guardedMemoryIsClosedToTheHost() async {
    await #expect(processExitsWith: .signal(SIGSEGV)) {
      let device = Device(threads: 1, kind: .guarded)
      let x = Tensor(repeating: 1, [16], on: device)
      let address = withUnsafeBytes(of: x.address) { $0.loadUnaligned(as: UInt.self) }
      let pointer = UnsafePointer<Float>(bitPattern: address)!
      print(pointer[0])
    }
  }
}
