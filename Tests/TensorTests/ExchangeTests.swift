// The exchange of two tensors' numbers, and the update that reads from one and writes into the
// other.

import CKernels
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
    let addresses = (a.address.bits, b.address.bits)
    let (first, second) = (a.download().floats, b.download().floats)
    a.exchange(with: b)
    #expect(a.download().floats == second && b.download().floats == first)
    #expect((a.address.bits, b.address.bits) == addresses)
    // Both can still be written, and exchanged back.
    a.fill(with: 1)
    b.exchange(with: a)
    #expect(a.download().floats == first)
    #expect(b.download().floats.allSatisfy { $0 == 1 })
  }

  @Test func touchingChangesNothing() {
    let device = Device(threads: 1)
    let a = tensor(300_001, from: 5, on: device)
    let before = a.download().floats
    a.touch()
    #expect(a.download().floats == before)
    a.writePages()
    #expect(a.download().floats == before)
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
      #expect(a.download().floats.allSatisfy { $0 == Float(round) })
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
    var numbers = StepScalars(
      learning_rate: 1e-2, beta1: 0.9, beta2: 0.95, correction1: 1 - 0.9 * 0.9 * 0.9 * 0.9,
      correction2: 1 - 0.95 * 0.95 * 0.95 * 0.95, epsilon: 1e-8, clip: 1, norm: 1,
      gradient_scale: 0.7, loss: 1, finite: 1)
    let scalars = DeviceList([numbers], on: device)
    let decay = DeviceNumber(DeviceList([0.4], on: device))
    func tensors(_ all: [Tensor], _ hasAverage: Bool) -> AdamWTensors {
      AdamWTensors(w: all[0], m: all[1], v: all[2], average: hasAverage ? all[3] : nil)
    }
    func update(_ new: [Tensor], from old: [Tensor], _ hasAverage: Bool) {
      AdamWUpdate(
        [(new: tensors(new, hasAverage), old: tensors(old, hasAverage), gradient: gradient)],
        weightDecays: [0.1], scalars, averageDecay: decay
      ).run()
    }
    for (hasAverage, isFinite) in [(true, true), (false, true), (true, false)] {
      numbers.finite = isFinite ? 1 : 0
      scalars.upload { _ in numbers }
      let (inPlace, old) = (state(), state())
      let new = old.map { Tensor(repeating: -1, $0.shape, on: device) }
      update(inPlace, from: inPlace, hasAverage)
      update(new, from: old, hasAverage)
      #expect((inPlace[0].download().floats != old[0].download().floats) == isFinite)
      for i in 0..<(hasAverage ? 4 : 3) {
        #expect(new[i].download().floats == inPlace[i].download().floats, "\(i)")
        #expect(old[i].download().floats == state()[i].download().floats, "\(i)")
      }
    }
  }

  /// Tensors of any size in one list are updated as each alone.
  @Test func aListOfTensorsIsUpdatedAsEachAlone() {
    let sizes = [1, 128, 37, 129, 5003, 2]
    func run(_ lists: [[Int]], threads: Int) -> [[Float]] {
      let device = Device(threads: threads)
      let scalars = DeviceList(
        [
          StepScalars(
            learning_rate: 1e-2, beta1: 0.9, beta2: 0.95, correction1: 0.1, correction2: 0.05,
            epsilon: 1e-8, clip: 1, norm: 1, gradient_scale: 1, loss: 1, finite: 1)
        ], on: device)
      let decay = DeviceNumber(DeviceList([0.4], on: device))
      let all = sizes.indices.map { n in
        (0..<6).map {
          Tensor(
            Philox(seed: 6).normals(sizes[n], a: UInt32($0), b: UInt32(n), stream: 97).map(abs),
            [sizes[n]], on: device)
        }
      }
      for list in lists {
        let tensors = list.map { n in
          let mine = AdamWTensors(w: all[n][0], m: all[n][1], v: all[n][2], average: all[n][3])
          return (new: mine, old: mine, gradient: all[n][4])
        }
        AdamWUpdate(
          tensors, weightDecays: list.map { Double($0) / 10 }, scalars, averageDecay: decay
        ).run()
        AverageUpdate(
          list.map { (average: all[$0][5], w: all[$0][0]) }, decay: decay, scalars
        ).run()
      }
      return all.flatMap { tensors in (0..<6).map { tensors[$0].download().floats } }
    }
    let together = run([Array(sizes.indices)], threads: 3)
    #expect(together == run(sizes.indices.map { [$0] }, threads: 1))
  }
}

extension DeviceAddress {
  fileprivate var bits: UInt { withUnsafeBytes(of: self) { $0.loadUnaligned(as: UInt.self) } }
}
