// The exchange of two tensors' numbers, and the update that reads from one and writes into the
// other.

import Dispatch
import Synchronization
import Testing

@testable import Tensor

@Suite struct ExchangeTests {
  private func tensor(_ count: Int, from first: Int, on device: Device) -> Tensor {
    Tensor((first..<first + count).map { Float($0) }, [count], on: device)
  }

  /// Sizes of bytes, pages, whole page tables and a rest.
  @Test(arguments: [1, 1000, 262_144, 300_001, 524_288, 1_300_000])
  func numbersChangePlacesAndAddressesStay(_ count: Int) {
    let device = Device(threads: 1)
    let (a, b) = (tensor(count, from: 0, on: device), tensor(count, from: 7, on: device))
    let addresses = (a.pointer, b.pointer)
    let (first, second) = (a.floats, b.floats)
    a.exchange(with: b)
    #expect(a.floats == second && b.floats == first)
    #expect((a.pointer, b.pointer) == addresses)
    // Both can still be written, and exchanged back.
    a.fill(with: 1)
    b.exchange(with: a)
    #expect(a.floats == first)
    #expect(b.floats.allSatisfy { $0 == 1 })
  }

  @Test func touchingChangesNothing() {
    let device = Device(threads: 1)
    let a = tensor(300_001, from: 5, on: device)
    let before = a.floats
    a.touch()
    #expect(a.floats == before)
    a.writePages()
    #expect(a.floats == before)
  }

  /// The thread that owns the tensor writes into it meanwhile.
  @Test func writingToPagesLosesNoWrite() {
    let device = Device(threads: 1)
    let a = tensor(1 << 20, from: 5, on: device)
    nonisolated(unsafe) let other = a
    let done = Atomic(false)
    let writer = DispatchGroup()
    DispatchQueue.global().async(group: writer) {
      while !done.load(ordering: .acquiring) { other.writePages() }
    }
    for round in 1...20 {
      a.fill(with: Double(round))
      #expect(a.floats.allSatisfy { $0 == Float(round) })
    }
    done.store(true, ordering: .releasing)
    writer.wait()
  }

  /// One element, part of a run of the kernel, several runs, each with ends between whole lines.
  @Test(arguments: MatrixProductTests.sets, [1, 37, 1024, 5003])
  func theUpdateFromOtherMemoryIsTheUpdateInPlace(_ set: InstructionSet, _ count: Int) {
    let device = Device(threads: 2, instructions: set)
    func state() -> [Tensor] {
      (0..<4).map {
        Tensor(
          Philox(seed: 4).normals(count, a: UInt32($0), b: 0, stream: 97).map(abs), [count],
          on: device)
      }
    }
    let gradient = Tensor(
      Philox(seed: 5).normals(count, a: 0, b: 0, stream: 97), [count], on: device)
    let scalars = AdamWScalars(
      gradientScale: 0.7, learningRate: 1e-2, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, step: 3,
      averageDecay: 0.4)
    for hasAverage in [true, false] {
      let (inPlace, old) = (state(), state())
      let new = old.map { Tensor(repeating: -1, $0.shape, on: device) }
      inPlace[0].updateByAdamW(
        m: inPlace[1], v: inPlace[2], average: hasAverage ? inPlace[3] : nil, gradient: gradient,
        weightDecay: 0.1, scalars)
      new[0].updateByAdamW(
        m: new[1], v: new[2], average: hasAverage ? new[3] : nil, gradient: gradient,
        weightDecay: 0.1, scalars, from: (old[0], old[1], old[2], hasAverage ? old[3] : nil))
      for i in 0..<(hasAverage ? 4 : 3) {
        #expect(new[i].floats == inPlace[i].floats, "\(i)")
        #expect(old[i].floats == state()[i].floats, "\(i)")
      }
    }
  }
}
