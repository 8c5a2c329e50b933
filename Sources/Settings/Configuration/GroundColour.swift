// The colour on which transparent pictures are laid: key `data.background`.

/// A colour by its name or its hexadecimal digits, as in CSS.
package struct GroundColour: Sendable, Equatable {
  package let red, green, blue: UInt8

  /// As in `#ff8000`, which is equal for equal colours.
  package var digits: String {
    let number = String(Int(red) << 16 | Int(green) << 8 | Int(blue), radix: 16)
    return "#" + String(repeating: "0", count: 6 - number.count) + number
  }

  /// - Throws: `ConfigurationError` that names the key
  package init(_ text: String, at path: String) throws {
    let digits =
      ["white": "#ffffff", "black": "#000000", "gray": "#808080", "grey": "#808080"][text] ?? text
    guard digits.wholeMatch(of: /#[0-9a-fA-F]{6}/) != nil,
      let number = UInt32(digits.dropFirst(), radix: 16)
    else {
      throw ConfigurationError(
        "\(path): found '\(text)', expected white, black, gray, or a colour in quotes as in '#ff8000'"
      )
    }
    (red, green, blue) = (
      UInt8(number >> 16), UInt8(number >> 8 & 255), UInt8(number & 255)
    )
  }
}
