import Postgres
import Testing

@Suite struct DatabaseURLTests {
  @Test(
    "a text that is no address is not repeated, as a password stands in it",
    arguments: [
      "postgres://u:geheim@[::1/x", "postgresql://u:geheim@[::1]x/db",
      "postgresql://u:geheim@host/db?password", "postgresql://u:ge%zzheim@host/db",
      "postgresql://u@host/db?geheim=geheim", "postgresql://u:ge%00heim@host/db",
      "postgresql://u:p@geheim@host/db", "postgresql://u:geheim/x@host/db",
      "postgresql://u:1/geheim@host/db", "host=h password=x geheim", "password=x geheim=geheim",
      "password='geheim", "geheim", "postgresql://u:geheim@host:port/db", "host=h port=geheim",
      "postgresql://u:pw@host:70000geheim/db", "postgresql://u:x@[]geheim/db",
    ])
  func malformed(text: String) throws {
    let error = #expect(throws: PostgresError.self) { try DatabaseURL(text) }
    let words = try #require(error?.description)
    #expect(!words.contains("geheim") && !words.contains("heim"))
    #expect(words.hasPrefix("no address as postgresql://USER@HOST/DATABASE or "))
  }

  @Test(arguments: [
    "postgresql:///db?host=/run/x", "host=one,two port=5432,5433", "dbname=a@b host=/tmp", "",
    "postgresql://u:pa:ss?x@host/db", "postgresql://one:5432,two:5433/db",
  ])
  func wellFormed(text: String) throws { _ = try DatabaseURL(text) }

  @Test func aPasswordIsRead() throws {
    let url = try DatabaseURL("postgresql://u:p%40ss%2F@host:5432/db")
    #expect(url["password"] == "p@ss/" && url["host"] == "host")
    #expect(!url.description.contains("ss"))
    #expect(try DatabaseURL("dbname=a@b host=/tmp port=5432,5433")["dbname"] == "a@b")
  }
}
