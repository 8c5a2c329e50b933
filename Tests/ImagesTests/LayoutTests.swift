// Every supported layout of images, and its splits.

import Files
import Foundation
import Testing

@testable import Images

@Suite struct LayoutTests {
  let world: ImportWorld

  init() throws { world = try ImportWorld() }

  private func png(_ shade: UInt8) throws -> [UInt8] { try ImportWorld.png(shade) }

  private func bytes(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: path)))
  }

  @Test func aTarOfTarsHasAClassForEachOfThem() throws {
    let inner = try [
      "n02.tar": [("n02_b.JPEG", 2), ("n02_a.JPEG", 1)], "n01.tar": [("n01_z.JPEG", 9)],
    ]
    .mapValues { try bytes(world.tar($0.map { ($0.0, try png(UInt8($0.1))) }, "inner.tar")) }
    let path = try world.tar([("n02.tar", inner["n02.tar"]!), ("n01.tar", inner["n01.tar"]!)])
    let made = try world.ingest(path)
    #expect(made.shades == ["n01 9", "n02 1", "n02 2"] && made.report.layout == .folders)
  }

  /// Archives lie beside other files, and in each other: every image counts in the class of its archive.
  @Test func archivesWithinArchivesAreFoldersWhateverIsBesideThem() throws {
    let tar = try bytes(world.tar([("x.png", try png(1))], "inner.tar"))
    let twice = try bytes(world.tar([("b.v2.tar", tar)], "outer.tar"))
    let zip = ZipFixture.archive([.init(name: "y.png", bytes: try png(2), isDeflated: true)])
    let files = [
      ("a.tar", tar), ("B.ZIP", zip), ("c/z.png", try png(3)), ("d.tar", twice),
      ("README.md", Array("text".utf8)), ("._a.tar", [1]), ("labels.csv.gz", [0x1F, 0x8B, 8]),
    ]
    let stored = ZipFixture.archive(files.map { .init(name: $0.0, bytes: $0.1) })
    for path in [try world.tar(files), try world.scratch.file("source.zip", stored)] {
      let made = try world.ingest(path)
      #expect(made.shades == ["B 2", "a 1", "c 3", "d 1"])
      #expect(made.report.ignored.byReason == ["hidden": 1, "no picture": 1, "compressed": 1])
    }
  }

  @Test(arguments: [
    ("n2.tar.gz", "is compressed by gzip"), ("n2.TGZ", "is compressed by gzip"),
    ("n2.tbz2", "is compressed by bzip2"), ("n2.tar.lz4", "is compressed by lz4"),
    ("a/n2.tar.zst", "is compressed by zstd"), ("n2.gz", "is compressed by gzip"),
    ("b.7z", "is a 7z archive"), ("deep/er/b.bin", "is a 7z archive"),
    ("b.rar", "is a RAR archive"),
  ])
  func anArchiveThatIsNotReadIsNamedWhereverItLies(_ name: String, _ said: String) throws {
    let starts: [(String, [UInt8])] = [
      ("gzip", [0x1F, 0x8B, 8]), ("bzip2", Array("BZh9".utf8)), ("lz4", [4, 0x22, 0x4D, 0x18]),
      ("zstd", [0x28, 0xB5, 0x2F, 0xFD]), ("7z", [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]),
      ("RAR", Array("Rar!".utf8)),
    ]
    let start = try #require(starts.first { said.contains($0.0) }?.1)
    let inner = try bytes(world.tar([("x.png", try png(1))], "inner.tar"))
    let files = [("n1.tar", inner), ("a/y.png", try png(2)), ("README", [1]), (name, start)]
    let outer = try bytes(world.tar(files, "outer.tar"))
    let path = try world.tar([("all.tar", outer)])
    for (path, name) in [(try world.tar(files, "flat.tar"), name), (path, "all/\(name)")] {
      let refusal = world.refusal(path)
      #expect(refusal.hasPrefix("source: '\(name)' \(said)"), "\(refusal)")
    }
    let zip = try world.scratch.file(
      "source.zip", ZipFixture.archive(files.map { .init(name: $0.0, bytes: $0.1) }))
    #expect(world.refusal(zip).contains("'\(name)' \(said)"))
    // Outside of the chosen folder it may be anything, unless it stands for that folder.
    func chosen(_ folder: String) -> String {
      do {
        return try world.ingest([SourceArchive(path: world.tar(files, "flat.tar"), name: "source")])
        {
          $0.folder = folder
        }.shades.joined(separator: " ")
      } catch { return "\(error)" }
    }
    #expect(chosen("n1") == "images 1")
    if name.hasPrefix("n2") { #expect(chosen("n2").contains("'\(name)' \(said)")) }
  }

  @Test func anArchiveThatIsCompressedWithinAZipIsNamed() throws {
    let inner = try bytes(world.tar([("x.png", try png(1))], "inner.tar"))
    let path = try world.scratch.file(
      "source.zip", ZipFixture.archive([.init(name: "a/n1.tar", bytes: inner, isDeflated: true)]))
    #expect(
      world.refusal(path)
        == "source: a/n1.tar: is an archive that is compressed within a zip; unpack the zip, or pack it with zip -0"
    )
  }

  /// Keys begin again in every shard, so shards are folders; other pictures of a sample do not
  /// count.
  @Test func shardsOfWebDatasetAreReadAsOne() throws {
    func shard(_ name: String, _ label: Int, _ shades: [UInt8]) throws -> SourceArchive {
      var files: [(String, [UInt8])] = []
      for (i, shade) in shades.enumerated() {
        files += [
          ("\(i).cls", Array("\(label + i)\n".utf8)), ("\(i).mask.png", try png(0)),
          ("\(i).png", try png(shade)), ("\(i).txt", [1]),
        ]
      }
      let path = try world.tar(files, "\(name).tar")
      return SourceArchive(path: path, name: "\(name).tar", folder: name)
    }
    let made = try world.ingest([try shard("b-1", 1, [7, 8]), try shard("a-0", 0, [5, 6])])
    #expect(made.training.classes == ["0", "1", "2"] && made.report.layout == .webdataset)
    #expect(made.shades == ["0 5", "1 6", "1 7", "2 8"])
    #expect(made.report.ignored.count == 8)
  }

  @Test func aJSONBesideAnImageHoldsItsLabel() throws {
    let path = try world.tar([
      ("x/1.png", try png(4)), ("x/1.json", Array(#"{"label": 2, "filename": "n/1"}"#.utf8)),
      ("x/2.png", try png(3)), ("x/2.json", Array(#"{"cls": 0}"#.utf8)),
    ])
    #expect(try world.ingest(path).shades == ["0 3", "2 4"])
  }

  /// JSON files without labels do not make a WebDataset.
  @Test func otherJSONFilesAreIgnored() throws {
    let path = try world.tar([
      ("x/1.png", try png(4)), ("x/1.json", Array(#"{"caption": "a"}"#.utf8)),
      ("y/2.png", try png(3)),
    ])
    let made = try world.ingest(path)
    #expect(made.shades == ["x 4", "y 3"] && made.report.layout == .folders)
  }

  @Test func aSampleWithoutItsLabelIsSkippedOrRefused() throws {
    let path = try world.tar([("1.png", try png(4)), ("2.cls", [48]), ("2.png", try png(3))])
    #expect(world.refusal(path).contains("'1.png': no file .cls or .json beside it has a label"))
    let made = try world.ingest(path, skipLimit: 1)
    #expect(made.shades == ["0 3"] && made.report.skipped.map(\.name) == ["1.png"])
  }

  @Test(arguments: [false, true]) func aZipOfClassFoldersIsRead(isDeflated: Bool) throws {
    let entries = try [("b/1.png", 3), ("a/2.png", 1), ("__MACOSX/b/._1.png", 9)].map {
      ZipFixture.Entry(
        name: $0.0, bytes: try png(UInt8($0.1)), isDeflated: isDeflated, isWide: isDeflated)
    }
    let path = try world.scratch.file(
      "source.zip", ZipFixture.archive([.init(name: "a/", bytes: [], mode: 0o040755)] + entries))
    let made = try world.ingest(path)
    #expect(made.shades == ["a 1", "b 3"] && made.report.ignored.first == ["__MACOSX/b/._1.png"])
  }

  @Test func anEDMZipHasItsLabelsInOneFile() throws {
    let labels = #"{"labels": [["00/1.png", 2], [ "00\/0.png" ,0]]}"#
    let entries = [
      ZipFixture.Entry(name: "00/0.png", bytes: try png(8)),
      ZipFixture.Entry(name: "00/1.png", bytes: try png(9)),
      ZipFixture.Entry(name: "dataset.json", bytes: Array(labels.utf8)),
    ]
    let made = try world.ingest(world.scratch.file("edm.zip", ZipFixture.archive(entries)))
    #expect(made.shades == ["0 8", "2 9"] && made.report.layout == .edm)
    var none = entries
    none[2].bytes = Array(#"{"labels": null}"#.utf8)
    let unlabelled = try world.ingest(world.scratch.file("none.zip", ZipFixture.archive(none)))
    #expect(unlabelled.shades == ["images 8", "images 9"])
  }

  @Test(arguments: [
    #"{"label": []}"#, #"{"labels": [["a", "b"]]}"#, #"{"labels": [["00/a.png", [0, 1]]]}"#,
    #"{"labels": [["x", 1]]}"#, #"{"labels": [["a", 1]"#, #"{"labels": [["a"#,
    #"{"labels": [["a", -1]]}"#, "", #"{"labels": [["a", 123456789]]}"#,
    #"{"labels": [["\ud800", 1]]}"#, #"{"labels": [["a", 99999999999999999999]]}"#,
  ])
  func damagedLabelsAreRefused(text: String) throws {
    let path = try world.tar([("00/a.png", try png(1)), ("dataset.json", Array(text.utf8))])
    #expect(world.refusal(path).hasPrefix("source: dataset.json"))
  }

  // MARK: splits

  /// Two classes of shades 0..<10 and 0..<4.
  private func twoClasses() throws -> [SourceArchive] {
    var files: [(String, [UInt8])] = []
    for i in 0..<10 { files.append(("a/\(i).png", try png(UInt8(i)))) }
    for i in 0..<4 { files.append(("b/\(i).png", try png(UInt8(i)))) }
    return [SourceArchive(path: try world.tar(files))]
  }

  @Test func everyNthImageOfEachClassIsHeldOut() throws {
    let made = try world.ingest(twoClasses()) { $0.validation = .every(4) }
    #expect(made.heldShades == ["a 3", "a 7", "b 3"] && made.training.count == 11)
    #expect(made.held!.classes == made.training.classes)
    #expect(made.held!.fingerprint == made.report.validation!.fingerprint)
    #expect(Set(made.shades).isDisjoint(with: made.heldShades))
  }

  @Test func aShareOfEachClassIsHeldOut() throws {
    let made = try world.ingest(twoClasses()) { $0.validation = .share(0.3) }
    #expect(made.heldShades == ["a 3", "a 6", "a 9", "b 3"])
  }

  /// A broken image does not move others between training and validation.
  @Test func theSplitDoesNotDependOnBrokenImages() throws {
    var files: [(String, [UInt8])] = []
    for i in 0..<10 { files.append(("a/\(i).png", i == 1 ? [1] : try png(UInt8(i)))) }
    let source = [SourceArchive(path: try world.tar(files))]
    let made = try world.ingest(source, skipLimit: 1) { $0.validation = .every(4) }
    #expect(made.heldShades == ["a 3", "a 7"])
  }

  @Test func foldersAndArchivesMayBeTheSplit() throws {
    let path = try world.tar([
      ("set/train/a/1.png", try png(1)), ("set/val/b/2.png", try png(2)),
      ("set/x/c/3.png", try png(3)),
    ])
    let made = try world.ingest([SourceArchive(path: path)]) {
      $0.folder = "set/train"
      $0.validation = .folder("set/val")
    }
    #expect(made.shades == ["a 1"] && made.heldShades == ["b 2"])
    #expect(made.training.classes == ["a", "b"] && made.report.ignored.first == ["set/x/c/3.png"])

    let other = try world.tar([("b/4.png", try png(4)), ("a/1.png", try png(5))], "val.tar")
    let both = try world.ingest([SourceArchive(path: path), SourceArchive(path: other)]) {
      $0.folder = "set/train"
      $0.validation = .archives(1, folder: "")
    }
    #expect(both.shades == ["a 1"] && both.heldShades == ["a 5", "b 4"])
  }

  @Test func aSplitThatLeavesNothingIsRefused() throws {
    let path = try world.tar([("val/a/1.png", try png(1))])
    #expect {
      try world.ingest([SourceArchive(path: path)]) { $0.validation = .every(5) }
    } throws: { "\($0)".contains("no image is held out") }
    #expect {
      try world.ingest([SourceArchive(path: path)]) { $0.validation = .folder("val") }
    } throws: { "\($0)".contains("no image is left to train on") }
  }
}
