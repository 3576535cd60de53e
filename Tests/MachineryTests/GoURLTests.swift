import Machinery
import Testing

/// What Go 1.25's `url.Parse` makes of texts.
@Suite struct `URLs as Go reads them` {
  @Test func `its parts`() throws {
    let url = try GoURL(parsing: "HTTPS://us%20er:p%40ss@[fe80::1%25eth0]:443/a%20b?x=%zz#f%20g")
    #expect(url.scheme == "https")
    #expect(url.user == "us%20er:p%40ss")
    #expect(url.host == "[fe80::1%eth0]:443")
    #expect(url.path == "/a b")
    #expect(url.query == "x=%zz")
    #expect(url.fragment == "f g")
  }

  @Test(arguments: [
    ("", "", "", ""), ("https://", "https", "", ""), ("https:///x", "https", "", "/x"), ("x/y", "", "", "x/y"),
    ("//host/p", "", "host", "/p"), ("///p", "", "", "///p"), ("mailto:a@b", "mailto", "", ""), ("*", "", "", "*"),
    ("https://h:", "https", "h:", ""), ("https://caf\u{E9}.example/", "https", "caf\u{E9}.example", "/"),
    ("https://h%C3%A9", "https", "h\u{E9}", ""), ("1a/b", "", "", "1a/b"),
  ])
  func `what there is of it`(text: String, scheme: String, host: String, path: String) throws {
    let url = try GoURL(parsing: text)
    #expect(url.scheme == scheme && url.host == host && url.path == path)
  }

  @Test(arguments: [
    ("a:b:c", nil), ("1:b", "first path segment in URL cannot contain colon"), (":b", "missing protocol scheme"),
    ("a\u{7F}", "net/url: invalid control character in URL"), ("https://a b/", #"invalid character " " in host name"#),
    ("https://h:x/", #"invalid port ":x" after host"#), ("https://[::1/", "missing ']' in host"),
    ("https://[::1]x/", #"invalid port "x" after host"#), ("https://h/%zz", #"invalid URL escape "%zz""#),
    ("https://h/%z", #"invalid URL escape "%z""#), ("https://h%41/", #"invalid URL escape "%41""#),
    ("https://u^@h/", "net/url: invalid userinfo"), ("https://u%zz@h/", #"invalid URL escape "%zz""#),
  ])
  func `what is wrong with it`(text: String, problem: String?) {
    var found: String?
    do { _ = try GoURL(parsing: text) } catch { found = "\(error)" }
    #expect(found == problem.map { "parse \(GoText.quoted(text)): \($0)" })
  }
}
