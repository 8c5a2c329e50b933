// Safetensors files: written ones read back, damaged ones are refused.

import Files
import Foundation
import Testing

@testable import TensorFiles

private func write(_ tensors: [(String, [Int], [Float])], to path: String) throws {
  let copies = tensors.map { tensor in
    let copy = UnsafeMutableBufferPointer<Float>.allocate(capacity: tensor.2.count)
    _ = copy.initialize(from: tensor.2)
    return copy
  }
  defer { for copy in copies { copy.deallocate() } }
  try SafetensorsWriter.write(
    path: path,
    tensors: zip(tensors, copies).map {
      NamedTensor(name: $0.0, shape: $0.1, elements: UnsafeBufferPointer($1))
    }, metadata: ["format": "pra \"1\"\n"])
}

private func fileBytes(_ header: String, data: Int) -> [UInt8] {
  withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
    + [UInt8](repeating: 1, count: data)
}

/// A header's text with one tensor `a` of the given members.
private func one(_ members: String) -> String { #"{"a":{\#(members)}}"# }

@Suite struct SafetensorsTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  @Test func whatIsWrittenReadsBack() throws {
    let path = scratch.path + "/model.safetensors"
    try write(
      [("b", [2, 2], [1, 2, 3, 4]), ("a.ü", [3], [5, -0.0, .nan]), ("c", [0], [])], to: path)
    let file = try SafetensorsFile(path: path)
    #expect(file.names == ["a.ü", "b", "c"])
    #expect(try file.shape(of: "b") == [2, 2])
    #expect(try file.read("b") == [1, 2, 3, 4])
    #expect(try file.read("a.ü").map(\.bitPattern) == [5, -0.0, Float.nan].map(\.bitPattern))
    #expect(file.metadata == ["format": "pra \"1\"\n"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).count == 1)
  }

  @Test func dataBeginAtAMultipleOfEight() throws {
    for length in 1...9 {
      try write([(String(repeating: "n", count: length), [1], [1])], to: scratch.path + "/x")
      #expect(try scratch.bytes("x")[0] % 8 == 0)
    }
  }

  @Test func otherFloatsBecomeFloat32() throws {
    let header =
      #"{"d":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"#
      + #""h":{"dtype":"F16","shape":[1],"data_offsets":[8,10]},"#
      + #""b":{"dtype":"BF16","shape":[1],"data_offsets":[10,12]}}"#
    var bytes = fileBytes(header, data: 0)
    bytes += withUnsafeBytes(of: 1.5) { Array($0) }
    bytes += withUnsafeBytes(of: Float16(-2.5)) { Array($0) }
    bytes += [0x40, 0xC0]
    let file = try SafetensorsFile(path: try scratch.file("mixed", bytes))
    #expect(try file.read("d") == [1.5] && file.read("h") == [-2.5])
    #expect(try file.read("b") == [-3])
  }

  @Test func aFileCutAnywhereIsRefused() throws {
    try write([("a", [3], [1, 2, 3]), ("b", [1], [4])], to: scratch.path + "/whole")
    let bytes = try scratch.bytes("whole")
    for length in 0..<bytes.count {
      let cut = try scratch.file("cut", Array(bytes[..<length]))
      #expect(throws: FileError.self, "cut after \(length)") { try SafetensorsFile(path: cut) }
    }
  }

  @Test func aFlippedByteNeverCrashes() throws {
    try write([("a", [3], [1, 2, 3]), ("b", [1], [4])], to: scratch.path + "/whole")
    let bytes = try scratch.bytes("whole")
    for i in 0..<bytes.count {
      for change: UInt8 in [0x01, 0x04, 0x10, 0x80, 0xFF] {
        var damaged = bytes
        damaged[i] ^= change
        let name = try scratch.file("damaged", damaged)
        if let file = try? SafetensorsFile(path: name) {
          // A flipped byte of a type is found when its tensor is read.
          for tensor in file.names {
            if let values = try? file.read(tensor) { #expect(values.count <= 6) }
          }
        }
      }
    }
  }

  @Test(arguments: [
    (
      #"{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32"}}"#, 0,
      "'a' is given twice"
    ),
    (
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"#
        + #""b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#, 6,
      "'b' begins at byte 2 of the data, inside another"
    ),
    (
      one(#""dtype":"F32","shape":[1],"data_offsets":[4,8]"#), 8, "byte 4 of the data, after a hole"
    ),
    (one(#""dtype":"F32","shape":[1],"data_offsets":[0,4]"#), 5, "cover 4"),
    (one(#""dtype":"F32","shape":[1],"data_offsets":[0,400]"#), 4, "data_offsets [0, 400]"),
    (one(#""dtype":"F32","shape":[2],"data_offsets":[0,4]"#), 4, "needs 8 bytes"),
    (
      one(#""dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,4]"#), 4,
      "impossible shape"
    ),
    (one(#""dtype":"F32","shape":[99999999999999999999]"#), 4, "expected a number"),
    (one(#""dtype":"F32","shape":[-1],"data_offsets":[0,4]"#), 4, "expected a number"),
    (one(#""dtype":"I64","shape":[1],"data_offsets":[0,4]"#), 4, "needs 8 bytes"),
    (one(#""dtype":"F32","shape":[1]"#), 4, "lacks"), (#"{"a":5}"#, 4, "expected '{'"),
    ("[]", 0, "expected '{'"), ("{} x", 0, "text after its end"),
    (#"{"\ud800":5}"#, 4, "surrogate"),
  ])
  func aHostileHeaderIsRefused(header: String, data: Int, message: String) throws {
    let path = try scratch.file("hostile", fileBytes(header, data: data))
    #expect {
      try SafetensorsFile(path: path)
    } throws: { "\($0)".hasPrefix(path) && "\($0)".contains(message) }
  }

  /// As in every state with batch norm: the types of tensors that nobody asks for do not matter.
  @Test(arguments: [("I64", 8), ("U8", 1), ("BOOL", 1), ("F8_E4M3", 1), ("C64", 8), ("F4", 3)])
  func anotherTypeIsRefusedWhenItIsRead(type: String, size: Int) throws {
    let header =
      #"{"bn.num_batches_tracked":{"dtype":"\#(type)","shape":[1],"data_offsets":[0,\#(size)]},"#
      + #""w":{"dtype":"F32","shape":[1],"data_offsets":[\#(size),\#(size + 4)]}}"#
    let path = try scratch.file("counted", fileBytes(header, data: size + 4))
    let file = try SafetensorsFile(path: path)
    #expect(try file.read("w").count == 1 && file.shape(of: "bn.num_batches_tracked") == [1])
    #expect { try file.read("bn.num_batches_tracked") } throws: {
      "\($0)"
        == "\(path): tensor 'bn.num_batches_tracked' has type \(type); F32, F64, F16 and BF16 are read"
    }
  }

  @Test func wrappersOfAModelAreTakenOffItsNames() throws {
    let path = "\(scratch.path)/wrapped.safetensors"
    try write(
      [
        ("module._orig_mod.a", [1], [1]), ("_orig_mod.module.b", [1], [2]),
        ("module.module.c", [1], [3]), ("_orig_mod._orig_mod.d", [1], [4]), ("e", [1], [5]),
        ("f._orig_mod.module.g", [1], [6]), ("my_module.h", [1], [7]),
      ], to: path)
    let file = try WeightFiles.open(path)
    #expect(file.names == ["a", "b", "c", "d", "e", "f.g", "my_module.h"])
    #expect(try file.names.map { try file.read($0)[0] } == [1, 2, 3, 4, 5, 6, 7])
    try write([("module.a", [1], [1]), ("a", [1], [2])], to: path)
    #expect { try WeightFiles.open(path) } throws: { "\($0)".contains("tensor 'a' is given twice") }
  }

  /// Names as PyTorch 2 and Lightning write them.
  @Test(arguments: [
    // AveragedModel counts the states.
    ["n_averaged", "module.trunk.weight", "module.b"],
    ["n_averaged", "module.module.trunk.weight", "module.module.b"],
    // A part alone is parallel, or recomputes its activations.
    ["trunk.module.weight", "b"], ["trunk._checkpoint_wrapped_module.weight", "b"],
    [
      "_fsdp_wrapped_module.trunk._fsdp_wrapped_module._checkpoint_wrapped_module.weight",
      "_fsdp_wrapped_module.b",
    ],
    ["model.trunk.weight", "model.b"], ["net.trunk.weight", "net.b"],
    ["model._orig_mod.trunk.weight", "model._orig_mod.b"],
    ["module.model.trunk.weight", "module.model.b"],
    ["_orig_mod.model.net.trunk.weight", "_orig_mod.model.net.b"],
    ["model.module.trunk.weight", "model.module.b", "model.n_averaged"],
  ])
  func namesOfPyTorchsWrappersAreTheModelsOwn(names: [String]) throws {
    let path = "\(scratch.path)/wrapped.safetensors"
    try write(names.map { ($0, [1], [1]) }, to: path)
    #expect(try WeightFiles.open(path).names == ["b", "trunk.weight"])
  }

  /// A word that is no wrapper's, or not in front of all.
  @Test(arguments: [
    ["lin0.model.1.weight", "net.slice1.0.weight"], ["model.a", "b"], ["n_averaged", "b"],
    ["modules.0.a", "submodule.b"],
  ])
  func otherNamesStay(names: [String]) throws {
    let path = "\(scratch.path)/plain.safetensors"
    try write(names.map { ($0, [1], [1]) }, to: path)
    #expect(try WeightFiles.open(path).names == names.sorted())
  }

  @Test func aMissingTensorAndAWrongCountAreNamed() throws {
    let path = scratch.path + "/model"
    try write([("a", [1], [1])], to: path)
    let file = try SafetensorsFile(path: path)
    #expect { try file.read("b") } throws: { "\($0)".contains("no tensor 'b'") }
    var two: [Float] = [0, 0]
    #expect {
      try two.withUnsafeMutableBufferPointer { try file.read("a", into: $0) }
    } throws: { "\($0)".contains("'a' has 1 elements") }
  }
}
