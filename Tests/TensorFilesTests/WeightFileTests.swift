// Files written by torch and numpy (ops/oracle/weights.py), and hostile ones.

import Foundation
import Testing

@testable import Files
@testable import TensorFiles

private let golden = URL(filePath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().appending(path: "Golden/weights").path()

@Suite struct WeightFileTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Both layouts of torch, plain, and nested with Python objects beside the tensors.
  @Test(arguments: ["zip.pt", "nested.pt", "legacy.pth", "legacy-nested.pth"])
  func torchFilesRead(_ name: String) throws {
    let file = try WeightFiles.open("\(golden)/\(name)")
    #expect(
      file.names == [
        "brain", "count", "double", "flags", "half", "none", "parameter", "part", "plain", "small",
        "turned",
      ])
    #expect(try file.shape(of: "plain") == [2, 3, 4])
    #expect(try file.read("plain") == (0..<24).map(Float.init))
    // By offset and strides in a storage that three tensors share.
    #expect(try file.shape(of: "turned") == [3, 2])
    #expect(try file.read("turned") == [0, 3, 1, 4, 2, 5])
    #expect(try file.read("part") == [5, 6, 7, 8])
    #expect(try file.read("half") == [0.5, -2])
    #expect(try file.read("brain") == [1, -3])
    #expect(try file.read("double") == [1e-3, 7])
    #expect(try file.shape(of: "count") == [] && file.read("count") == [12])
    #expect(try file.read("small") == [-3, 4])
    #expect(try file.read("flags") == [1, 0])
    #expect(try file.shape(of: "none") == [0, 3] && file.read("none") == [])
    #expect(try file.read("parameter") == [9])
    #expect(throws: FileError.self) { try file.read("absent") }
  }

  @Test(arguments: ["stored.npz", "deflated.npz"])
  func numpyArchivesRead(_ name: String) throws {
    let file = try WeightFiles.open("\(golden)/\(name)")
    #expect(file.names == ["bytes", "double", "many", "plain", "scalar"])
    #expect(try file.read("plain") == (0..<24).map(Float.init))
    #expect(try file.shape(of: "plain") == [2, 3, 4])
    #expect(try file.read("double") == [1e-3, 7])
    #expect(try file.read("bytes") == [1, 255])
    #expect(try file.shape(of: "scalar") == [] && file.read("scalar") == [2.5])
    #expect(try file.read("many") == [Float](repeating: 0, count: 1000))
  }

  @Test func fortranOrderIsRefused() throws {
    let file = try WeightFiles.open("\(golden)/fortran.npz")
    #expect { try file.read("a") } throws: { "\($0)".contains("fortran.npz: a.npy: is in Fortran") }
  }

  /// Every truncation of every layout is an error that names the file; none crashes.
  @Test(arguments: ["zip.pt", "legacy.pth", "legacy-nested.pth", "deflated.npz"])
  func cutFilesAreRefused(_ name: String) throws {
    let whole = Array(try Data(contentsOf: URL(filePath: "\(golden)/\(name)")))
    for kept in stride(from: 0, to: whole.count, by: 7) {
      let path = try scratch.file(name, Array(whole[..<kept]))
      let error = #expect(throws: FileError.self, "\(kept) bytes") {
        let file = try WeightFiles.open(path)
        for tensor in file.names { _ = try file.read(tensor) }
      }
      #expect(error?.description.contains(name) == true)
    }
  }

  /// One wrong byte anywhere gives an error or a value, never a crash.
  @Test(arguments: ["zip.pt", "legacy-nested.pth", "deflated.npz"])
  func damagedFilesDoNotCrash(_ name: String) throws {
    let whole = Array(try Data(contentsOf: URL(filePath: "\(golden)/\(name)")))
    var refused = 0
    for at in whole.indices {
      for flip in [UInt8(0xFF), 0x01] {
        var bytes = whole
        bytes[at] ^= flip
        let path = try scratch.file("d.bin", bytes)
        do {
          let file = try WeightFiles.open(path)
          for tensor in file.names { _ = try file.read(tensor) }
        } catch let error as FileError {
          refused += 1
          #expect(error.description.contains("d.bin"))
        }
      }
    }
    #expect(refused > whole.count / 4)
  }

  // MARK: hostile pickles

  /// A legacy file around a given pickle.
  private func legacy(_ pickle: [UInt8], storages: [UInt8] = [0x80, 2, 0x5D, 0x2E]) throws -> String
  {
    let magic: [UInt8] = [
      0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
    ]
    let version: [UInt8] = [0x80, 2, 0x4D, 0xE9, 0x03, 0x2E]
    let sizes: [UInt8] = [0x80, 2, 0x7D, 0x2E]
    return try scratch.file("hostile.pth", magic + version + sizes + pickle + storages)
  }

  private func text(_ text: String) -> [UInt8] {
    [0x58, UInt8(text.utf8.count), 0, 0, 0] + Array(text.utf8)
  }

  /// `os.system('...')` by GLOBAL and REDUCE: nothing runs, and there is no tensor.
  @Test func aCallOfTheSystemRunsNothing() throws {
    let marker = "\(scratch.path)/ran"
    let pickle =
      [0x80, 2, 0x63] + Array("os\nsystem\n".utf8) + text("touch \(marker)") + [0x85, 0x52, 0x2E]
    #expect { try WeightFiles.open(try legacy(pickle)) } throws: {
      "\($0)".contains("hostile.pth: holds no dictionary of tensors")
    }
    #expect(!FileManager.default.fileExists(atPath: marker))
  }

  /// Opcodes that weight files do not use, lengths beyond the end, empty stacks.
  @Test(arguments: [
    ([0x80, 2, 0x69, 0x2E] as [UInt8], "opcode 0x69"),  // INST
    ([0x80, 2, 0x82, 1, 0x2E], "opcode 0x82"),  // EXT1
    ([0x80, 2, 0x58, 0xFF, 0xFF, 0xFF, 0x7F, 0x2E], "truncated"),
    ([0x80, 2, 0x52, 0x2E], "taken from nothing"), ([0x80, 2, 0x74, 0x2E], "no mark"),
    ([0x80, 2, 0x68, 9, 0x2E], "memo 9 was never set"), ([0x80, 9, 0x2E], "protocol 9"),
    ([0x80, 2, 0x4E, 0x4E, 0x61, 0x2E], "neither a list nor a dictionary"),
  ])
  func brokenPicklesAreRefused(_ pickle: [UInt8], _ message: String) throws {
    let path = try legacy(pickle)
    #expect { try WeightFiles.open(path) } throws: {
      "\($0)".contains("hostile.pth") && "\($0)".contains(message)
    }
  }

  /// A million nested tuples would overflow the stack of a recursive reader.
  @Test func depthIsNoDanger() throws {
    let deep = [0x80, 2, 0x29] + [UInt8](repeating: 0x85, count: 900_000) + [0x2E]
    #expect { try WeightFiles.open(try legacy(deep)) } throws: {
      "\($0)".contains("holds no dictionary of tensors")
    }
    let many = [0x80, 2] + [UInt8](repeating: 0x4E, count: 1_100_000) + [0x2E]
    #expect { try WeightFiles.open(try legacy(many)) } throws: {
      "\($0)".contains("more than 1000000 values")
    }
  }

  /// A pickle of dictionaries; every tensor is a float that shares one storage.
  private indirect enum Saved {
    case tensor, number
    case dictionary([(String, Saved)])
  }

  private func pickled(_ saved: Saved) -> [UInt8] {
    switch saved {
    case .number: return [0x4B, 3]
    case .tensor:
      let storage =
        [0x28] + text("storage") + [0x63] + Array("torch\nFloatStorage\n".utf8) + text("0")
        + text("cpu") + [0x4B, 1, 0x74, 0x51]
      return [0x63] + Array("torch._utils\n_rebuild_tensor_v2\n".utf8) + [0x28] + storage
        + [0x4B, 0, 0x28, 0x4B, 1, 0x74, 0x28, 0x4B, 1, 0x74, 0x89, 0x4E, 0x74, 0x52]
    case .dictionary(let members):
      return [0x7D] + members.flatMap { text($0.0) + pickled($0.1) + [0x73] }
    }
  }

  private func opened(_ saved: Saved) throws -> any TensorSource {
    let keys = [0x80, 2, 0x5D] + text("0") + [0x61, 0x2E]
    let data = [1, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 4)
    return try WeightFiles.open(
      try legacy([0x80, 2] + pickled(saved) + [0x2E], storages: keys + data))
  }

  private func state(_ names: String...) -> Saved { .dictionary(names.map { ($0, .tensor) }) }

  /// A number, an accuracy or the count of an average beside the state are not the state.
  @Test(arguments: [
    "model", "state_dict", "module", "ema", "net", "params_ema", "model_ema", "model_state_dict",
  ])
  func aNestedStateWinsOverTensorsBesideIt(key: String) throws {
    let file = try opened(
      .dictionary([
        ("epoch", .number), ("best_acc1", .tensor), (key, state("module._orig_mod.w", "b")),
        ("step", .tensor), ("optimizer", .dictionary([("state", state("w"))])),
      ]))
    #expect(file.names == ["b", "w"])
    let deeper = try opened(
      .dictionary([("model", .dictionary([("step", .tensor), (key, state("w"))]))]))
    #expect(deeper.names == ["w"])
  }

  @Test func tensorsAtTheTopAreTheState() throws {
    let averaged = try opened(.dictionary([("n_averaged", .tensor), ("module.w", .tensor)]))
    #expect(averaged.names == ["w"])
    let both = try opened(.dictionary([("w", .tensor), ("b", .tensor), ("ema", state("w", "b"))]))
    #expect(both.names == ["b", "w"])
    let named = try opened(.dictionary([("model", state("a")), ("ema", state("b"))]))
    #expect(named.names == ["a"])
  }

  @Test func severalStatesAreAskedAbout() throws {
    #expect {
      try opened(.dictionary([("params", state("w")), ("params_ema", state("w"))]))
    } throws: {
      "\($0)".contains("holds states under params, params_ema; save the one that is meant")
    }
    #expect { try opened(.dictionary([("weights", state("w"))])) } throws: {
      "\($0)".contains("holds no tensors at its top nor under model, state_dict")
    }
  }

  @Test func aCompressedFileIsNamed() throws {
    let path = try scratch.file("x.pth.gz", [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0])
    #expect { try WeightFiles.open(path) } throws: {
      "\($0)" == "\(path): is compressed by gzip; unpack it with gunzip first"
    }
  }

  /// A tensor whose layout claims more than its storage has.
  @Test(arguments: [
    ([4] as [UInt8], [1] as [UInt8], 0 as UInt8, "4 elements in a storage of 2"),
    ([2], [1], 1, "element 2 in a storage of 2"), ([2], [200], 0, "element 200"),
    (
      [255, 255, 255, 255, 255, 255, 255, 255], [1, 1, 1, 1, 1, 1, 1, 1], 0, "an impossible shape"
    ),
  ])
  func tensorsBeyondTheirStorageAreRefused(
    _ shape: [UInt8], _ stride: [UInt8], _ offset: UInt8, _ message: String
  ) throws {
    func tuple(_ values: [UInt8]) -> [UInt8] { [0x28] + values.flatMap { [0x4B, $0] } + [0x74] }
    let storage =
      [0x28] + text("storage") + [0x63] + Array("torch\nFloatStorage\n".utf8) + text("0")
      + text("cpu") + [0x4B, 2, 0x74, 0x51]
    let tensor =
      [0x63] + Array("torch._utils\n_rebuild_tensor_v2\n".utf8) + [0x28] + storage
      + [0x4B, offset] + tuple(shape) + tuple(stride) + [0x89, 0x4E, 0x74, 0x52]
    let pickle = [0x80, 2, 0x7D] + text("w") + tensor + [0x73, 0x2E]
    let keys = [0x80, 2, 0x5D] + text("0") + [0x61, 0x2E]
    let data = [2, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 8)
    let file = try WeightFiles.open(try legacy(pickle, storages: keys + data))
    #expect { try file.read("w") } throws: {
      "\($0)".contains("tensor 'w'") && "\($0)".contains(message)
    }
  }

  /// Merged files: errors name tensors that are missing, given twice, of another shape or not
  /// finite.
  @Test func mergedFilesNameWhatIsWrong() throws {
    func safetensors(_ name: String, _ tensors: [(String, [Float])]) throws -> String {
      let path = "\(scratch.path)/\(name)"
      for (i, tensor) in tensors.enumerated() where i == 0 {
        _ = try tensor.1.withUnsafeBufferPointer {
          try SafetensorsWriter.write(
            path: path, tensors: [NamedTensor(name: tensor.0, shape: [$0.count], elements: $0)],
            metadata: [:])
        }
      }
      return path
    }
    let first = try safetensors("a.safetensors", [("x", [1, 2])])
    let second = try safetensors("b.safetensors", [("y", [.nan, 2])])
    let files = try WeightFiles(paths: [first, second, "\(golden)/zip.pt"])
    #expect(try files.read("x", shape: [2]) == [1, 2])
    #expect(try files.read("part", shape: [4]) == [5, 6, 7, 8])
    #expect { try files.read("z", shape: [2]) } throws: { "\($0)".contains("no tensor 'z'") }
    #expect { try files.read("x", shape: [3]) } throws: {
      "\($0)".contains("a.safetensors: tensor 'x' has shape [2], expected [3]")
    }
    #expect { try files.read("y", shape: [2]) } throws: {
      "\($0)".contains("b.safetensors: element 0 of tensor 'y' is nan")
    }
    let twice = try WeightFiles(paths: [first, first])
    #expect { try twice.read("x", shape: [2]) } throws: { "\($0)".contains("in several of them") }
    #expect { try WeightFiles.open(try scratch.file("x.bin", Array("hello world".utf8))) } throws: {
      "\($0)".contains("x.bin: is neither safetensors, npz, nor a torch file")
    }
  }
}
