// Pictures on terminals that show them.

import Foundation
import Raster

/// The ways in which terminals take pictures.
enum TerminalPicture: String {
  /// kitty's graphics protocol: kitty, Ghostty, Konsole.
  case kitty
  /// Inline images of iTerm2, which WezTerm and VS Code take, too.
  case iterm
  /// DEC's sixel graphics: foot, mlterm, contour, xterm with -ti vt340.
  case sixel

  /// The way of the terminal behind standard output, as its environment tells it; nil where it shows none.
  /// `PRA_PREVIEW` names one, or is `off`.
  static var ofTerminal: TerminalPicture? {
    guard Terminal.isInteractive else { return nil }
    let environment = ProcessInfo.processInfo.environment
    if let given = environment["PRA_PREVIEW"], !given.isEmpty {
      return TerminalPicture(rawValue: given)
    }
    let (term, program) = (environment["TERM"] ?? "", environment["TERM_PROGRAM"] ?? "")
    // A multiplexer between the two would print the bytes.
    if environment["TMUX"] != nil || term.hasPrefix("screen") { return nil }
    if environment["KITTY_WINDOW_ID"] != nil || term.contains("kitty") || term.contains("ghostty")
      || environment["KONSOLE_VERSION"] != nil
    {
      return .kitty
    }
    if ["iTerm.app", "WezTerm", "vscode"].contains(program)
      || environment["LC_TERMINAL"] == "iTerm2"
    {
      return .iterm
    }
    return ["foot", "mlterm", "contour", "sixel", "vt340"].contains { term.contains($0) }
      ? .sixel : nil
  }

  /// Shows a picture where the terminal can; nothing is drawn where it cannot.
  static func show(_ picture: () throws -> Picture) throws {
    guard let way = ofTerminal else { return }
    StandardOutput.write(Array(try way.text(picture()).utf8))
  }

  /// The bytes that make a terminal show a picture, with a new line after them.
  private func text(_ picture: Picture) throws -> String {
    switch self {
    case .kitty:
      // Pieces of 4096 characters; m tells whether more come.
      let characters = Array(Data(try picture.png()).base64EncodedString().utf8)
      let pieces = stride(from: 0, to: characters.count, by: 4096).map {
        String(decoding: characters[$0..<min($0 + 4096, characters.count)], as: UTF8.self)
      }
      return pieces.enumerated().map { place, piece in
        let more = place < pieces.count - 1 ? 1 : 0
        return "\u{1B}_G\(place == 0 ? "a=T,f=100," : "")m=\(more);\(piece)\u{1B}\\"
      }.joined() + "\n"
    case .iterm:
      let bytes = Data(try picture.png())
      return "\u{1B}]1337;File=inline=1;size=\(bytes.count):\(bytes.base64EncodedString())\u{7}\n"
    case .sixel: return Self.sixels(picture) + "\n"
    }
  }

  /// A picture in six levels of each colour, six rows of pixels at a time.
  private static func sixels(_ picture: Picture) -> String {
    func level(_ byte: UInt8) -> Int { (Int(byte) * 5 + 127) / 255 }
    let rgb = picture.inRGB
    let colours = stride(from: 0, to: rgb.pixels.count, by: 3).map {
      level(rgb.pixels[$0]) * 36 + level(rgb.pixels[$0 + 1]) * 6 + level(rgb.pixels[$0 + 2])
    }
    var out = "\u{1B}Pq\"1;1;\(rgb.width);\(rgb.height)"
    for colour in Set(colours).sorted() {
      out += "#\(colour);2;\(colour / 36 * 20);\(colour / 6 % 6 * 20);\(colour % 6 * 20)"
    }
    for top in stride(from: 0, to: rgb.height, by: 6) {
      let rows = top..<min(top + 6, rgb.height)
      let here = colours[rows.lowerBound * rgb.width..<rows.upperBound * rgb.width]
      for colour in Set(here).sorted() {
        let columns = (0..<rgb.width).map { column in
          rows.reduce(0) { bits, row in
            colours[row * rgb.width + column] == colour ? bits | 1 << (row - top) : bits
          }
        }
        out += "#\(colour)" + runs(columns) + "$"
      }
      out += "-"
    }
    return out + "\u{1B}\\"
  }

  /// Columns of six pixels as characters, with equal ones counted.
  private static func runs(_ columns: [Int]) -> String {
    var out = ""
    var start = 0
    while start < columns.count {
      var end = start
      while end < columns.count, columns[end] == columns[start] { end += 1 }
      let character = Character(UnicodeScalar(UInt8(63 + columns[start])))
      out +=
        end - start > 3
        ? "!\(end - start)\(character)" : String(repeating: character, count: end - start)
      start = end
    }
    return out
  }
}
