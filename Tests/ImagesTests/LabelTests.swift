// Labels in files beside the images, as programs write them.

import Files
import Foundation
import Testing

@testable import Images

@Suite struct LabelTests {
  let world: ImportWorld

  init() throws { world = try ImportWorld() }

  private func png(_ shade: UInt8) throws -> [UInt8] { try ImportWorld.png(shade) }

  /// The import of one sample for each label file.
  private func shards(_ labels: [(ending: String, text: String)]) throws -> [String] {
    let files = try labels.enumerated().flatMap { i, label in
      [("\(i).png", try png(UInt8(i))), ("\(i).\(label.ending)", Array(label.text.utf8))]
    }
    return try world.ingest(world.tar(files)).shades
  }

  @Test(arguments: [
    (#"{"label": 3, "cls": "n0144"}"#, 3), (#"{"cls": "n0144", "label": 3}"#, 3),
    (#"{"label": 3, "cls": 4}"#, 3), (#"{"label": null, "cls": 4}"#, 4),
    (#"{"label": "dog", "cls": 4}"#, 4), (#"{"class_id": 5, "caption": "a \"dog\""}"#, 5),
    (#"{"label": 1, "punsafe": NaN}"#, 1),
    (#"{"a": -Infinity, "b": [NaN, {"label": 9}], "label": 2}"#, 2),
    // Python writes half a pair for a text that was cut within a character.
    (#"{"label": 1, "caption": "cut \ud83d"}"#, 1),
    (#"{"label": 1, "caption": "\ude00 \ud83d\ude00"}"#, 1),
    (#"{"label": "7"}"#, 7), (#"{"label": 6.0}"#, 6), (#"{"label": 1, "label": 2}"#, 2),
    ("\u{FEFF}{\"label\": 8}", 8), (#"{"exif": {"label": "x"}, "l\u0061bel": 1}"#, 1),
  ])
  func aJSONWithSeveralKeysHasItsLabel(text: String, label: Int) throws {
    #expect(try shards([("json", text)]) == ["\(label) 0"])
  }

  @Test(arguments: [("3\n", 3), (" 3 ", 3), ("\u{FEFF}3", 3)])
  func aClassFileHasItsLabel(text: String, label: Int) throws {
    #expect(try shards([("cls", text)]) == ["\(label) 0"])
  }

  @Test(arguments: [
    ("cls", "1 2", "no number"), ("cls", "", "no number"), ("cls", "-1", "-1"),
    ("json", #"{"label": "dog"}"#, "no number under label"),
    ("json", #"{"label": 3.5}"#, "no number"),
    ("json", #"{"label": true}"#, "no number"), ("json", #"{"cls": -1}"#, "-1"),
    ("json", #"{"label": 100000}"#, "100000"), ("json", #"{"label": NaN}"#, "no number"),
  ])
  func aWrongLabelIsNamed(ending: String, text: String, what: String) throws {
    let path = try world.tar([("0.png", png(1)), ("0.\(ending)", Array(text.utf8))])
    #expect(
      world.refusal(path)
        == "source: 0.\(ending): holds \(what); expected the number of a class, 0 to 99999"
        || world.refusal(path).hasPrefix("source: 0.\(ending): holds \(what) under"))
  }

  /// Without folders of classes, a file that might have held the class is not passed over.
  @Test(arguments: ["", #"{"label": 1,}"#, "{\"caption\": \"\u{0}\"", #"{"label": 1"#])
  func aJSONThatIsNoneIsNamed(text: String) throws {
    let path = try world.tar([("0.png", png(1)), ("0.json", Array(text.utf8))])
    #expect(
      world.refusal(path).hasPrefix("source: 0.json: no JSON in UTF-8: byte "),
      "\(world.refusal(path))")
  }

  /// One wrong label is a broken image, which `skip_limit` may leave out.
  @Test func aWrongLabelAmongOthersIsSkipped() throws {
    let path = try world.tar([
      ("0.png", png(1)), ("0.cls", Array("0".utf8)), ("1.png", png(2)),
      ("1.cls", Array("cat".utf8)),
    ])
    #expect(world.refusal(path).contains("the first is '1.png': source: 1.cls: holds no number"))
    let made = try world.ingest(path, skipLimit: 1)
    #expect(made.shades == ["0 1"] && made.report.skippedCount == 1)
  }

  @Test func largeJSONFilesAreLeftAside() throws {
    let coco = #"{"images": [\#(String(repeating: #"{"id": 1, "label": 7},"#, count: 90_000))0]}"#
    let huge = [UInt8](repeating: 0x20, count: SampleLabel.mostBytes + 1)
    let made = try world.ingest(
      world.tar([
        ("annotations.json", Array(coco.utf8)), ("huge.json", huge), ("cat/0.png", png(1)),
        ("dog/1.png", png(2)), ("dog/1.json", Array(#"{"label": tru"#.utf8)),
      ]))
    #expect(made.shades == ["cat 1", "dog 2"])
    #expect(
      made.report.ignored.byReason == [
        "JSON without a label": 1, "a .json that is none": 1, "label file of more than 16 MiB": 1,
      ])
  }

  @Test func oneLabelAmongClassFoldersChangesNothing() throws {
    let made = try world.ingest(
      world.tar([
        ("cat/0.png", png(1)), ("cat/0.json", Array(#"{"label": 5}"#.utf8)), ("cat/1.png", png(2)),
        ("dog/1.png", png(3)),
      ]))
    #expect(made.shades == ["cat 1", "cat 2", "dog 3"])
    #expect(
      made.report.remarks == ["labels beside 1 of 3 images are not used: folders are the classes"])
  }

  @Test func samplesNeedNotBeAdjacent() throws {
    let made = try world.ingest(
      world.tar([
        ("0.png", png(1)), ("1.png", png(2)), ("0.cls", Array("1".utf8)),
        ("1.cls", Array("0".utf8)),
      ]))
    #expect(made.shades == ["0 2", "1 1"])
  }

  @Test func dotsInKeysAreNamed() throws {
    let path = try world.tar([("img.0.png", png(1)), ("img.0.cls", Array("1".utf8))])
    #expect(
      world.refusal(path).contains(
        "'img.0.cls': WebDataset's key of a sample ends at the first dot"))
  }

  /// A picture of any ending is none beside one that is named so.
  @Test func otherPicturesOfASampleAreLeftAside() throws {
    let made = try world.ingest(
      world.tar([("0.jpg", png(1)), ("0.depth", png(9)), ("0.cls", Array("0".utf8))]))
    #expect(made.shades == ["0 1"])
    #expect(made.report.ignored.byReason == ["further picture of a sample": 1])
  }

  /// Numbers without images are classes, of which the report says that they are empty.
  @Test func gapsInNumbersAreEmptyClasses() throws {
    let path = try world.tar([("0.png", png(1)), ("0.cls", Array("99999".utf8))])
    let made = try world.ingest(path)
    #expect(made.training.classes.count == 100_000 && made.report.emptyClasses.count == 99_999)
    #expect(
      made.report.sentences.last?.hasSuffix("drawn: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...") == true)
  }
}
