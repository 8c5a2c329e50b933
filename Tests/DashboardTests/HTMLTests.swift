// Markup that no text can break out of.

import Pages
import Testing

@Suite struct HTMLTests {
  @Test(
    "a text is escaped",
    arguments: [
      ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
      ("\" onload='x' &amp;", "&quot; onload=&#39;x&#39; &amp;amp;"),
      ("a\u{0}b\u{7F}", "a\u{FFFD}b\u{FFFD}"),
      ("\u{202E}cba", "[U+202E]cba"),
      ("\u{1B}[31mred\u{1B}[0m \u{1B}]0;title\u{7}end", "red end"),
      ("ABC 🙂 سلام", "ABC 🙂 سلام"),
    ])
  func escapes(text: String, expected: String) {
    let html: HTML = "<b title=\"\(text)\">\(text)</b>"
    #expect(html.text == "<b title=\"\(expected)\">\(expected)</b>")
  }

  @Test func markupInsideMarkupStays() {
    let name = "<i>"
    let inner: HTML = "<em>\(name)</em>"
    let list = [inner, inner]
    let html: HTML = "\(list)\(true ? "<br>" : "")"
    #expect(html.text == "<em>&lt;i&gt;</em><em>&lt;i&gt;</em><br>")
  }

  @Test func queriesComeBackAsTheyWent() {
    let query = Query(parsing: "find=lr%3E1e-3+a&runs=1,2&empty=&bad=%FF&zero=%00&=x")
    #expect(query["find"] == "lr>1e-3 a")
    #expect(query.list("runs") == ["1", "2"])
    #expect(query["empty"] == nil && query["bad"] == nil && query["zero"] == nil)
    #expect(Query(parsing: query.text.dropFirst()) == query)
    #expect(query.with("find", "<&\"").text == "?runs=1,2&empty=&find=%3C%26%22")
  }

  @Test(
    arguments: [
      (31_400.4, "31,400"), (0.6123456, "0.6123"), (21.354, "21.35"), (-0.00001234, "-1.23e-5"),
      (0, "0"),
      (.infinity, "∞"), (123_456_789, "1.23e8"), (3.14159, "3.142"),
    ] as [(Double, String)])
  func figuresHaveFourDigits(value: Double, expected: String) { #expect(figure(value) == expected) }

  @Test(
    arguments: [
      (24, "24 s"), (540, "9 min"), (545, "9 min 5 s"), (4320, "1 h 12 min"),
      (86400 * 5 + 7200, "5 d 2 h"),
    ] as [(Double, String)])
  func durationsAreOfTwoUnits(seconds: Double, expected: String) {
    #expect(duration(seconds) == expected)
  }
}
