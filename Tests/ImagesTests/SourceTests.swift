// Sources as people have them: one folder around everything, files of any ending, no class folders.

import Files
import Foundation
import Testing

@testable import Images

@Suite struct SourceTests {
  let world: ImportWorld

  init() throws { world = try ImportWorld() }

  private func png(_ shade: UInt8) throws -> [UInt8] { try ImportWorld.png(shade) }

  /// The import of a folder, of its tar with and without the folder's name, and of its zips.
  private func everyForm(_ files: [(String, [UInt8])], empty: [String] = []) throws -> [Import] {
    let name = "set-\(UUID().uuidString)"
    let folder = "\(world.scratch.path)/\(name)"
    for (file, bytes) in files { _ = try world.scratch.file("\(name)/\(file)", bytes) }
    for each in empty {
      try FileManager.default.createDirectory(
        atPath: "\(folder)/\(each)", withIntermediateDirectories: true)
    }
    let script = """
      tar -cf ../1.tar . ; cd .. ; tar -cf 2.tar \(name)
      python3 -c "import shutil; shutil.make_archive('3', 'zip', '\(name)'); \
      shutil.make_archive('4', 'zip', '.', '\(name)')"
      """
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-ec", script]
    process.currentDirectoryURL = URL(filePath: folder)
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    try TarWriter.pack(folder: folder, to: "\(world.scratch.path)/0.tar")
    return try ["0.tar", "1.tar", "2.tar", "3.zip", "4.zip"].map {
      try world.ingest("\(world.scratch.path)/\($0)")
    }
  }

  @Test func aFolderItsTarAndItsZipHaveTheSameClasses() throws {
    let made = try everyForm(
      [
        ("bird/notes.txt", [1]), ("cat/0.png", png(1)), ("dog/0.png", png(2)), ("README", [1]),
        ("fish/.hidden", [1]), ("stray.png", png(9)),
      ], empty: ["ant"])
    for one in made {
      #expect(one.training.classes == ["ant", "bird", "cat", "dog", "fish"])
      #expect(one.shades == ["cat 1", "dog 2"])
      #expect(one.report.emptyClasses == ["ant", "bird", "fish"])
      #expect(one.report.training.fingerprint == made[0].report.training.fingerprint)
      #expect(one.report.ignored.byReason["in no class folder"] == 1)
    }
    #expect(made[2].report.remarks.first?.contains("around everything is left off") == true)
    #expect(
      made[0].report.sentences.last
        == "3 of 5 classes have no image to train on, and no images of them will be drawn: ant, bird, fish"
    )
  }

  @Test func aFlatFolderIsOneClass() throws {
    for one in try everyForm([("b.png", png(2)), ("a.png", png(1)), ("notes.txt", [1])]) {
      #expect(one.training.classes.count == 1)
      #expect(one.shades.map { $0.suffix(1) } == ["1", "2"])
    }
    let flat = try world.ingest(world.tar([("b.png", png(2)), ("a.png", png(1))]))
    #expect(flat.shades == ["images 1", "images 2"] && flat.report.layout == .flat)
    #expect(
      flat.report.remarks == [
        "no image lies in a folder of a class: all are of one class, 'images'"
      ])
  }

  @Test func aClassFolderAloneIsNotLeftOff() throws {
    let made = try world.ingest(
      world.tar([("cat/1.png", png(1)), ("cat/2.png", png(2)), ("cat/old/3.png", png(3))]))
    #expect(made.shades == ["cat 1", "cat 2", "cat 3"])
  }

  @Test func foldersAroundFoldersAreLeftOff() throws {
    let made = try world.ingest(
      world.tar([("home/me/set/b/1.png", png(1)), ("home/me/set/a/2.png", png(2))]))
    #expect(made.shades == ["a 2", "b 1"])
    #expect(made.report.remarks == ["the folder 'home/me/set' around everything is left off"])
  }

  @Test func anEDMZipBelowAFolderHasItsLabels() throws {
    let labels = #"{"name": "x", "labels": [["00\\1.png", 2.0], ["00/0.png", 0]]}"#
    let made = try world.ingest(
      world.tar([
        ("set/00/0.png", png(8)), ("set/00/1.png", png(9)),
        ("set/dataset.json", [0xEF, 0xBB, 0xBF] + Array(labels.utf8)),
      ]))
    #expect(made.shades == ["0 8", "2 9"] && made.report.layout == .edm)
  }

  /// Every archive has its own dataset.json.
  @Test func twoEDMArchivesKeepTheirLabels() throws {
    func archive(_ name: String, _ label: Int, _ shade: UInt8) throws -> SourceArchive {
      let labels = #"{"labels": [["0.png", \#(label)]]}"#
      let path = try world.tar([("0.png", png(shade)), ("dataset.json", Array(labels.utf8))], name)
      return SourceArchive(path: path, name: name)
    }
    let made = try world.ingest([try archive("a.tar", 1, 5), try archive("b.tar", 0, 6)]) {
      $0.validation = .archives(1, folder: "")
    }
    #expect(made.shades == ["1 5"] && made.heldShades == ["0 6"])
  }

  // MARK: splits

  @Test(arguments: [["train", "val"], ["Train", "Test", "validation"]])
  func splitsAreNoClasses(names: [String]) throws {
    let files = try names.flatMap {
      [("\($0)/cat/1.png", try png(1)), ("\($0)/dog/2.png", try png(2))]
    }
    #expect(
      world.refusal(try world.tar(files)).contains("are splits and no classes; name one with"))
    for folder in [names[0], "./\(names[0])/"] {
      let made = try world.ingest([SourceArchive(path: try world.tar(files))]) {
        $0.folder = folder
      }
      #expect(made.shades == ["cat 1", "dog 2"])
    }
  }

  /// `data.folder` is found below a folder around everything, too.
  @Test func aChosenFolderMayLieBelowTheTop() throws {
    let path = try world.tar([
      ("set/train/a/1.png", try png(1)), ("set/val/a/2.png", try png(2)), ("set/README", [1]),
    ])
    let made = try world.ingest([SourceArchive(path: path)]) {
      $0.folder = "train"
      $0.validation = .folder("val")
    }
    #expect(made.shades == ["a 1"] && made.heldShades == ["a 2"])
  }

  @Test func aMisspeltFolderIsNamed() throws {
    let path = try world.tar([("train/a/1.png", try png(1)), ("val/a/2.png", try png(2))])
    #expect {
      try world.ingest([SourceArchive(path: path)]) { $0.folder = "trian" }
    } throws: {
      "\($0)".contains(
        "data.folder: no image lies below 'trian'; the folders at the top are train, val")
    }
    #expect {
      try world.ingest([SourceArchive(path: path)]) {
        $0.folder = "train"
        $0.validation = .folder("vall")
      }
    } throws: { "\($0)".contains("data.validation.folder: no image lies below 'vall'") }
  }

  @Test func foldersThatAreAlikeInEveryClassAreRemarkedOn() throws {
    let made = try world.ingest(
      world.tar([("x/cat/1.png", png(1)), ("y/cat/2.png", png(2)), ("y/dog/3.png", png(3))]))
    #expect(made.training.classes == ["x", "y"])
    #expect(made.report.remarks.first?.hasPrefix("every class folder holds a folder cat: ") == true)
  }

  @Test func aMissingEndMarkIsRemarkedOn() throws {
    let whole = Array(try Data(contentsOf: URL(filePath: world.tar([("a/1.png", png(1))]))))
    let made = try world.ingest(try world.scratch.file("cut.tar", Array(whole.dropLast(1024))))
    #expect(
      made.report.remarks == ["source has no end mark: files may be missing behind its last one"])
  }

  // MARK: formats

  @Test func bytesDecideWhatAPictureIs() throws {
    let jpeg = try PillowCase.bytes("gray")
    let files: [(String, [UInt8])] = [
      ("a/1.jpe", jpeg), ("a/2.jfif", jpeg), ("a/3", try png(3)), ("a/4.tmp", try png(4)),
      ("a/5.png", jpeg), ("a/6.webp", Array("RIFFxxxxWEBPVP8 ".utf8)),
      ("a/7.gif", Array("GIF89a".utf8)),
      ("a/8.txt", Array("text".utf8)), ("a/9.csv.gz", [0x1F, 0x8B, 8]), ("a/empty", []),
      ("a/.h.png", [1]),
    ]
    let archive = ZipFixture.archive(
      files.map { ZipFixture.Entry(name: $0.0, bytes: $0.1, isDeflated: !$0.1.isEmpty) })
    for path in [try world.tar(files), try world.scratch.file("x.zip", archive)] {
      let made = try world.ingest(path)
      #expect(made.training.count == 5)
      #expect(
        made.report.ignored.byReason
          == ["WebP": 1, "GIF": 1, "no picture": 2, "compressed": 1, "hidden": 1])
      #expect(
        made.report.ignored.summary
          == "6 files are left out: 2 no picture, 1 GIF, 1 WebP, 1 compressed, 1 hidden")
    }
  }

  /// Its version decides the pixels of progressive files that lack scans.
  @Test func theReportNamesTheDecoderOfJPEGs() throws {
    let json = try world.ingest(world.tar([("a/1.png", png(1))])).report.json
    #expect(json.contains(/"jpeg_library":"libjpeg-turbo [0-9]+\.[0-9]+[^" ]*"/), "\(json)")
  }

  @Test func backslashesOfWindowsDivideFoldersInAZip() throws {
    let path = try world.scratch.file(
      "x.zip",
      ZipFixture.archive([
        .init(name: "b\\", bytes: []), .init(name: "a\\1.png", bytes: try png(1)),
        .init(name: "b\\2.png", bytes: try png(2)),
      ]))
    #expect(try world.ingest(path).shades == ["a 1", "b 2"])
    let leaving = try world.scratch.file(
      "y.zip", ZipFixture.archive([.init(name: "a\\..\\..\\1.png", bytes: try png(1))]))
    #expect(world.refusal(leaving).contains("leaves the archive"))
  }
}
