import Machinery
import Testing

@Suite struct `Selectors` {
  static let labels = StringMap([("zone", "a"), ("n", "5"), ("empty", "")])

  @Test(arguments: [
    ("", true), ("zone=a", true), ("zone==a", true), ("zone!=a", false), ("zone in (a,b)", true),
    ("zone notin (a)", false), ("other notin (a)", true), ("zone", true),
    ("!zone", false), ("!other", true), ("n>4", true), ("n<5", false), ("zone=a,n>1", true), ("zone=a,other", false),
    ("empty=", true), ("other!=x", true), ("zone in (b,)", false),
    ("in in (in)", false), (" zone = a , n = 5 ", true), ("example.com/x", false),
  ])
  func `labels are matched`(selector: String, matches: Bool) throws {
    #expect(try LabelSelector.parse(selector).matches(Self.labels) == matches)
  }

  @Test(arguments: [
    ("a===b", "unable to parse requirement: found '=', expected: identifier"),
    ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
    ("a in b", "unable to parse requirement: found 'b' expected: '('"),
    ("a=b,", "found '', expected: identifier after ','"),
    ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
    (
      "n>x",
      "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"
    ),
  ])
  func `a bad selector is refused in Kubernetes' words`(selector: String, message: String) {
    #expect { try LabelSelector.parse(selector) } throws: { "\($0)" == message }
  }

  @Test func `fields are matched, and their values unescaped`() throws {
    let fields = StringMap([("metadata.name", "a,b"), ("spec.unschedulable", "true")])
    #expect(try FieldSelector.parse(#"metadata.name=a\,b,spec.unschedulable!=false"#).matches(fields))
    #expect(try !FieldSelector.parse("metadata.name==x").matches(fields))
    #expect(try FieldSelector.parse("").isEverything)
    #expect { try FieldSelector.parse("metadata.name") } throws: {
      "\($0)".hasPrefix("invalid selector: 'metadata.name'")
    }
  }
}

@Suite struct `Names` {
  @Test(arguments: [
    ("a", true), ("a.b-c", true), ("A", false), ("a_b", false), ("-a", false), ("a.", false), ("a..b", false),
    (String(repeating: "a", count: 254), false),
  ])
  func `subdomains`(name: String, isValid: Bool) { #expect(NameValidation.dns1123Subdomain(name).isEmpty == isValid) }

  @Test(arguments: [
    ("a", true), ("a/b", true), ("Example.com/b", false), ("example.com/B_1.x", true), ("/b", false), ("a/", false),
    ("a/b/c", false), ("", false),
  ])
  func `qualified names`(name: String, isValid: Bool) { #expect(NameValidation.qualifiedName(name).isEmpty == isValid) }

  @Test(arguments: [("", true), ("a", true), ("a b", false), ("-a", false), (String(repeating: "a", count: 64), false)])
  func `label values`(value: String, isValid: Bool) { #expect(NameValidation.labelValue(value).isEmpty == isValid) }
}
