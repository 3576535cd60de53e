import Machinery
import Testing

@Suite struct `Name rules` {
  static let subdomain =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
  static let label =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
  static let key =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
  static let value =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

  static func long(_ count: Int) -> String { String(repeating: "a", count: count) }

  @Test(arguments: [
    ("example.com", []), ("1-a", []), ("", [subdomain]), ("A", [subdomain]), ("a..b", [subdomain]),
    ("a_b", [subdomain]), (long(253), []), (long(254), ["must be no more than 253 characters"]),
    (long(253) + "-", ["must be no more than 253 characters", subdomain]),
  ])
  func `subdomains`(name: String, problems: [String]) { #expect(NameValidation.dns1123Subdomain(name) == problems) }

  @Test(arguments: [
    ("my-name", []), ("a.b", ["must not contain dots"]), ("a.", [label]), ("", [label]),
    (long(64), ["must be no more than 63 characters"]),
  ])
  func `labels`(name: String, problems: [String]) { #expect(NameValidation.dns1123Label(name) == problems) }

  @Test(arguments: [
    ("a", []), ("example.com/MyName", []), ("/a", ["prefix part must be non-empty"]),
    ("a/", ["name part must be non-empty", key]), ("", ["name part must be non-empty", key]),
    ("A.b/c", ["prefix part " + subdomain]), ("-a", [key]), (long(64), ["name part must be no more than 63 bytes"]),
    (long(254) + "/a", ["prefix part must be no more than 253 bytes"]),
    (
      "a/b/c",
      [
        "a valid label key " + key.dropFirst("name part ".count)
          + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
      ]
    ),
  ])
  func `keys`(name: String, problems: [String]) { #expect(NameValidation.qualifiedName(name) == problems) }

  @Test(arguments: [
    ("", []), ("a_B.c", []), ("a b", [value]), ("-", [value]), (long(64), ["must be no more than 63 bytes"]),
  ])
  func `label values`(text: String, problems: [String]) { #expect(NameValidation.labelValue(text) == problems) }

  @Test func `names in paths`() {
    #expect(NameValidation.pathSegmentName("..") == ["may not be '..'"])
    #expect(NameValidation.pathSegmentName("a/b%c") == ["may not contain '/'", "may not contain '%'"])
    #expect(NameValidation.dns1035Label("a-1").isEmpty)
    #expect(NameValidation.dns1035Label("1-a").count == 1)
  }
}

@Suite struct `Field errors` {
  @Test func `paths are joined as upstream joins them`() {
    #expect(FieldPath("spec", "taints").index(0).child("key").description == "spec.taints[0].key")
    #expect(FieldPath("metadata", "labels").key("a/b").description == "metadata.labels[a/b]")
  }

  @Test func `messages read as upstream's`() {
    #expect(FieldError.invalid("a", "x\"\u{1}\u{200B}é", "why").message == #"a: Invalid value: "x\"\x01\u200bé": why"#)
    #expect(FieldError.required("a", "").message == "a: Required value")
    #expect(
      FieldError.notSupported("a", "x", ["p", "q"]).message == #"a: Unsupported value: "x": supported values: "p", "q""#
    )
    #expect(FieldError.tooLong("a", limit: 5).message == "a: Too long: may not be more than 5 bytes")
    #expect(FieldError.tooMany("a", count: 3, limit: 1).message == "a: Too many: 3: must have at most 1 item")
    #expect(FieldError.duplicate("a", bare: "{}").message == "a: Duplicate value: {}")
    #expect(FieldError.internalError("a", "boom").message == "a: Internal error: boom")
  }

  @Test func `several are listed in brackets, each once`() {
    #expect(FieldError.aggregate(["a"]) == "a")
    #expect(FieldError.aggregate(["a", "b", "a"]) == "[a, b]")
    #expect(FieldError.aggregate(["a", "a"]) == "a")
  }
}
