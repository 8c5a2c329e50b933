import Files
import Testing

@Suite struct ByteCountTests {
  @Test(
    arguments: [
      (0, "0 bytes"), (31, "31 bytes"), (999, "999 bytes"), (1000, "1 kB"), (1500, "1.5 kB"),
      (7_658_923_000, "7.66 GB"), (99_940_000, "99.9 MB"), (252_000_000_000, "252 GB"),
      (999_600_000, "1 GB"), (147_000_000_000_000, "147 TB"), (Int64.max, "9223 PB"),
    ] as [(Int64, String)])
  func words(bytes: Int64, words: String) {
    #expect(ByteCount.words(bytes) == words)
  }

  @Test func aPartIsSaidInTheUnitOfTheWhole() {
    #expect(ByteCount.words(31_000_000_000, of: 252_000_000_000) == "31 of 252 GB")
    #expect(ByteCount.words(4_000_000, of: 252_000_000_000) == "0 of 252 GB")
  }

  @Test(
    arguments: [
      ("500GB", 500_000_000_000), ("1.5 TiB", 1_649_267_441_664), ("0", 0), ("64k", 64_000),
      ("12 MB", 12_000_000), ("7b", 7),
    ] as [(String, Int64)])
  func sizesAreRead(text: String, bytes: Int64) {
    #expect(ByteCount.parse(text) == bytes)
  }

  @Test(arguments: ["", "GB", "-1", "1e9", "5 XB", "1iB", "99999999PB", "1,5GB"])
  func otherTextsAreNone(text: String) {
    #expect(ByteCount.parse(text) == nil)
  }

  @Test func numbersStandInSentences() {
    #expect(counted(1, "job") == "1 job" && counted(0, "job") == "0 jobs")
    #expect(counted(Int64(2), "class", "classes") == "2 classes")
    #expect(
      shortDecimal(0.1 + 0.2) == "0.3" && shortDecimal(2) == "2"
        && shortDecimal(-1e-7 / 3) == "-3.33333e-08")
    #expect(shortDecimal(.nan) == "nan" && shortDecimal(123_456_789) == "123457000")
    #expect(ByteCount.words(1) == "1 byte" && ByteCount.both(999) == "999 bytes")
    #expect(ByteCount.both(1_048_576) == "1.05 MB (1048576 bytes)")
  }
}
