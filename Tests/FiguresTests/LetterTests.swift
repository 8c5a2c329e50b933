// Letters in pictures: all that fonts have, where the layout puts them.

import Foundation
import Raster
import Testing

@testable import Figures

@Suite struct LetterTests {
  /// The dark pixels of a text alone on a picture.
  private func ink(_ text: String, isBold: Bool = false) throws -> Int {
    let canvas = try Canvas(width: 400, height: 40)
    canvas.letters(text, x: 10, y: 28, size: 18, Colour(0x000000), isBold: isBold)
    let pixels = canvas.picture.pixels
    return stride(from: 0, to: pixels.count, by: 3).count { pixels[$0] < 128 }
  }

  @Test(arguments: [("é", "e"), ("ü", "u"), ("Ж", "X"), ("ع", "?")])
  func lettersWithAccentsAreThemselves(_ letter: String, _ other: String) throws {
    #expect(Lettering.charactersWithoutGlyph(in: [letter]) == "")
    #expect(try ink(letter) > 5)
    let pictures = try [letter, other].map { text in
      let canvas = try Canvas(width: 40, height: 40)
      canvas.letters(text, x: 5, y: 30, size: 18, Colour(0), isBold: false)
      return canvas.picture
    }
    #expect(pictures[0] != pictures[1])
  }

  /// `ops/setup` installs a font of Han characters; elsewhere boxes are drawn, and `pra plot` says so.
  @Test func hanCharactersAreDrawnOrNamed() throws {
    let lacking = Lettering.charactersWithoutGlyph(in: ["a漢字é漢"])
    #expect(lacking == "" || lacking == "漢字")
    #expect(try ink("漢字") > 20)
  }

  /// A private use character has no glyph anywhere.
  @Test func charactersThatNoFontHasAreNamedOnce() {
    #expect(Lettering.charactersWithoutGlyph(in: ["a\u{F0FFF}b", "\u{F0FFF}"]) == "\u{F0FFF}")
  }

  @Test func letterWidthsAddUp() throws {
    let (one, ten) = (
      Lettering.width(of: "n", size: 20), Lettering.width(of: "nnnnnnnnnn", size: 20)
    )
    #expect(abs(ten - 10 * one) < 0.1 * ten && one > 8 && one < 16)
    #expect(try ink("nn", isBold: true) > ink("nn"))
    // A text of several lines stays in its own.
    #expect(try ink("a\nb\0c") > 0)
  }

  @Test func aTextEndsOrIsCentredAtItsPoint() throws {
    for (part, left, right) in [(0.0, 100.0, 200.0), (0.5, 50, 150), (1, 0, 101)] {
      let canvas = try Canvas(width: 200, height: 30)
      canvas.letters("mmmmm", x: 100, y: 20, size: 13, part: part, Colour(0), isBold: false)
      let pixels = canvas.picture.pixels
      let columns = (0..<200).filter { x in (0..<30).contains { pixels[($0 * 200 + x) * 3] < 128 } }
      #expect(Double(columns.first!) >= left && Double(columns.last!) <= right, "\(part)")
    }
  }

  @Test func rowsOfAGridHaveTheirTitles() throws {
    let red = Picture(width: 4, height: 4, channels: 3, pixels: [UInt8](repeating: 200, count: 48))
    let grid = try Picture.grid(
      [GridRow(title: "Möwe", pictures: [red, red]), GridRow(title: "x", pictures: [red])], gap: 1,
      scale: 4)
    let plain = try Picture.grid([GridRow(title: "", pictures: [red, red])], gap: 1, scale: 4)
    #expect(grid.width > plain.width + 20 && grid.height == 2 * 17 + 1)
  }
}
