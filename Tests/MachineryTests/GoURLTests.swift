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

/// What else Go's `URL` answers.
@Suite struct `Parts of URLs` {
  @Test(arguments: [
    ("https://u:p@h.example:8080/", "h.example", "8080"), ("https://[::1]:80/", "::1", "80"),
    ("https://[::1]", "::1", ""),
    ("https://h:/", "h", ""), ("/x", "", ""), ("//h:1/x", "h", "1"),
  ])
  func `host and port`(text: String, hostname: String, port: String) throws {
    let url = try GoURL(parsing: text)
    #expect(url.hostname == hostname && url.port == port)
  }

  @Test(arguments: [
    ("/a%20b", "/a%20b"), ("/a b", "/a%20b"), ("/é", "/%C3%A9"), ("/%c3%a9", "/%c3%a9"), ("/a%2Fb/é", "/a/b/%C3%A9"),
    ("/!$&'()*+,;=:@[]", "/!$&'()*+,;=:@[]"), ("/\"", "/%22"), ("*", "*"), ("https://h", ""), ("/%ff", "/%ff"),
  ])
  func `the path with its escapes`(text: String, path: String) throws {
    #expect(try GoURL(parsing: text).escapedPath == path)
  }

  @Test(arguments: [
    ("x=1&y=2&x=3", "x=1,3 y=2"), ("", ""), ("a", "a="), ("=b", "=b"), ("a=1;b=2&c=3", "c=3"),
    ("a=%zz&b=%41+c", "b=A c"),
    ("&&a=b=c&", "a=b=c"), ("a=1&%61=2", "a=1,2"), ("%=1&a=%4", ""),
  ])
  func parameters(query: String, shown: String) throws {
    let found = try GoURL(parsing: "/?" + query).parameters
    #expect(found.map { "\($0.name)=\($0.values.joined(separator: ","))" }.joined(separator: " ") == shown)
  }

  @Test(arguments: [
    "https://us%20er:p%40ss@h:1/a%20b?x=%zz#f%20g", "mailto:a@b", "/x?", "https:///x", "https:/x", "https://h", "//h/p",
    "x/y", "*", "https://h?q", "s:", "s:?q",
  ])
  func `the whole is written as it was`(text: String) throws { #expect(try GoURL(parsing: text).text == text) }

  @Test(arguments: [
    ("", "empty url"), ("x/y", "invalid URI for request"), ("not a uri", "invalid URI for request"),
    ("a:b", nil), ("/x", nil), ("//a b/", nil), ("https://h/#%zz", #"invalid URL escape "%zz""#), ("*", nil),
    ("https://h:1:2/", #"invalid port ":1:2" after host"#), ("https://[1.2.3.4]/", "invalid IP-literal"),
    ("https://a[::1]/", "invalid IP-literal"),
    ("https://[x]/", #"invalid host: ParseAddr("x"): unable to parse IP"#), ("postgres://a:1,b:2/", nil),
  ])
  func `what a request cannot be made to`(text: String, problem: String?) {
    var found: String?
    do { _ = try GoURL(requesting: text) } catch { found = "\(error)" }
    #expect(found == problem.map { "parse \(GoText.quoted(text)): \($0)" })
  }
}
