// Errors of a driver, and the folder of compiled kernels.

import Foundation
import Testing

@Suite struct CUDADriverTests {
  private func add(_ environment: [String: String]) throws -> Ended {
    try EmulatedGPU.run(
      "gpu-check", ["kernels", "--only", "add", "--seeds", "1"], environment: environment)
  }

  @Test func aMachineWithoutAGPUSaysSo() throws {
    let ended = try add(["EMULATION_DEVICES": "0"])
    #expect(ended.code == 71)
    #expect(
      ended.output.contains("no GPU here: no CUDA-capable device is detected"), "\(ended.output)")
  }

  @Test func aMachineWithoutADriverSaysSo() throws {
    let ended = try add([
      "PRA_CUDA_PATH": "/nowhere", "LD_LIBRARY_PATH": "", "PRA_HOME": "/nowhere",
    ])
    #expect(ended.code == 71)
    #expect(
      ended.output.contains("error: PRA_DEVICE: no GPU here: libcuda.so.1"), "\(ended.output)")
  }

  @Test func aNumberBeyondTheLastGPUIsNamed() throws {
    let ended = try add(["EMULATION_DEVICES": "2", "PRA_DEVICE": "cuda:2"])
    #expect(ended.code == 71)
    #expect(
      ended.output.contains("found 'cuda:2', expected at most cuda:1 on this machine"),
      "\(ended.output)")
    #expect(try add(["EMULATION_DEVICES": "2", "PRA_DEVICE": "cuda:1"]).code == 0)
  }

  @Test func memoryThatIsLackingIsOneSentence() throws {
    let ended = try add(["EMULATION_MEMORY": "1024"])
    #expect(ended.code == 71)
    let lines = ended.output.split(separator: "\n")
    #expect(lines.count == 1 && ended.output.contains("is out of memory:"), "\(ended.output)")
    #expect(ended.output.contains("were needed") && ended.output.contains("are free"))
  }

  /// An error that is the machine's ends with the exit code of a host's lack, one of a kernel with that of
  /// a fault; both name the operation.
  @Test(arguments: [("214", 71), ("999", 71), ("700", 70), ("719", 70)] as [(String, Int32)])
  func anErrorNamesItsOperation(_ error: String, _ code: Int32) throws {
    let ended = try add(["EMULATION_FAIL": "1:\(error)"])
    #expect(ended.code == code, "\(ended.output)")
    #expect(ended.output.contains("operation add"), "\(ended.output)")
  }

  @Test func theHostMayNotTouchMemoryOfTheDevice() throws {
    let ended = try EmulatedGPU.run("gpu-check", ["touch"])
    #expect(ended.code == 139)
    #expect(ended.output.contains("the host touched device memory"), "\(ended.output)")
  }

  @Test func kernelsAreCompiledOnce() throws {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "kernels-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let cache = ["PRA_CUDA_CACHE": folder.path(percentEncoded: false)]
    func files() throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))
        .sorted()
    }
    #expect(try add(cache).code == 0)
    let first = try files()
    // The operation in three types, and the conversion of its numbers to bfloat16.
    #expect(
      first.map { $0.split(separator: ".")[..<2].joined(separator: ".") } == [
        "elementwise.bfloat16", "elementwise.float32", "elementwise.float64", "moving.bfloat16",
      ], "\(first)")
    // No compiler is needed any more, and a damaged file is compiled again.
    let without = cache.merging(["EMULATION_CXX": "/bin/false"]) { $1 }
    #expect(try add(without).code == 0)
    try Data("damaged".utf8).write(to: folder.appending(path: first[0]))
    let broken = try add(without)
    #expect(broken.code == 70 && broken.output.contains("do not compile"), "\(broken.output)")
    #expect(try add(cache).code == 0)
    #expect(try add(without).code == 0)
    #expect(try files() == first)
  }
}
