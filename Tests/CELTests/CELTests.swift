import JSON
import Testing

@testable import CEL

@Suite struct `Expressions` {
  static let claims: JSONValue = [
    "sub": "me", "email": "a@b.example", "email_verified": true, "roles": "dev,ops", "groups": ["x", "y", "z"],
    "exp": 2_000, "iat": 1_000, "nested": ["deep": ["key": "value"], "odd.name": 1], "half": .double(0.5),
  ]

  private func value(_ text: String) throws -> JSONValue {
    try CELExpression(text, variables: ["claims"]).evaluate(["claims": Self.claims])
  }

  @Test(
    arguments: [
      // literals and operators
      ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("7 / 2", 3), ("-7 / 2", -3), ("-7 % 3", -1), ("0x1F", 31),
      ("1.5 + 2.0", .double(3.5)), ("2 - 3 - 4", -5), ("-(-3)", 3), ("'a' + \"b\"", "ab"),
      ("[1] + [2, 3]", [1, 2, 3]), ("{'a': 1, 'b': [2]}", ["a": 1, "b": [2]]), ("{'a': 1}.a", 1), ("{'a': 1}['a']", 1),
      ("[1, 2][1]", 2), ("null", .null), ("true ? 'y' : 'n'", "y"),
      ("false ? 1 : true ? 2 : 3", 2), ("!false && true", true), ("1 < 2 && 'a' < 'b' && 1.0 <= 1", true),
      ("1 == 1.0", true), ("1 != 2", true), ("'1' == 1", false), ("[1, 2] == [1.0, 2]", true),
      ("2 in [1, 2]", true), ("'a' in {'a': 1}", true), ("'b' in {'a': 1}", false),
      (#"'\n\t\x41\u00e9\\' "#, "\n\tA\u{e9}\\"), (#"r'\n'"#, "\\n"), ("'''a\nb'''", "a\nb"), ("// a\n1 // b", 1),
      // an error on one side is forgotten where the other side decides
      ("1 / 0 == 1 || true", true), ("true || claims.nothing", true), ("claims.nothing == 1 && false", false),
      // claims
      ("claims.sub", "me"), ("'oidc:' + claims.sub", "oidc:me"), ("claims['sub']", "me"),
      ("claims.nested['odd.name']", 1), ("claims.nested.deep.key", "value"), ("has(claims.sub)", true),
      ("has(claims.nothing)", false), ("has(claims.nested.deep) ? claims.nested.deep.key : 'none'", "value"),
      ("claims.exp - claims.iat <= 86400", true), ("claims.half * 2.0", .double(1)),
      // functions
      ("size('h\u{e9}')", 2), ("[1, 2].size()", 2), ("size({'a': 1})", 1), ("claims.sub.startsWith('m')", true),
      ("'system:x'.startsWith('system:')", true), ("'abc'.endsWith('bc')", true), ("'abc'.contains('b')", true),
      ("'a@b.example'.matches('^[a-z]+@b[.]example$')", true), ("'x'.matches('y')", false),
      ("claims.roles.split(',')", ["dev", "ops"]), ("'a,b,c'.split(',', 2)", ["a", "b,c"]),
      ("claims.groups.join('-')", "x-y-z"),
      ("'Mixed'.lowerAscii() + 'Mixed'.upperAscii()", "mixedMIXED"), ("' a '.trim()", "a"),
      ("'aXbXc'.replace('X', '')", "abc"), ("'aXbXc'.replace('X', '-', 1)", "a-bXc"), ("'hello'.substring(1, 3)", "el"),
      ("'hello'.substring(3)", "lo"), ("'hello'.indexOf('l')", 2), ("'hello'.lastIndexOf('l')", 3),
      ("'abc'.charAt(1)", "b"), ("string(5) + string(true)", "5true"), ("int('42')", 42), ("int(3.9)", 3),
      ("double(2)", .double(2)),
      ("type(1) == type(2)", true), ("[3, 1, 2].max()", 3), ("[3, 1, 2].min()", 1), ("[1, 2, 3].sum()", 6),
      ("[1, 2].isSorted()", true), ("[2, 1].isSorted()", false),
      // macros
      ("claims.groups.all(g, size(g) == 1)", true), ("claims.groups.exists(g, g == 'y')", true),
      ("claims.groups.exists_one(g, g > 'x')", false), ("claims.groups.filter(g, g != 'y')", ["x", "z"]),
      ("claims.groups.map(g, 'p:' + g)", ["p:x", "p:y", "p:z"]),
      ("claims.groups.map(g, g != 'x', g + g)", ["yy", "zz"]), ("{'a': 1, 'b': 2}.all(k, k < 'c')", true),
      ("[[1], [2, 3]].map(l, l.map(i, i + 1))", [[2], [3, 4]]),
      ("[].all(x, false)", true), ("[].exists(x, true)", false),
      // optionals
      ("claims.?email_verified.orValue(true) == true", true), ("claims.?nothing.orValue('none')", "none"),
      ("claims.?nothing.deep.deeper.orValue(1)", 1), ("claims.?nested.deep.key.orValue('')", "value"),
      ("claims.?nested.?deep.?other.orValue('x')", "x"), ("claims[?'sub'].orValue('')", "me"),
      ("claims.groups[?7].orValue('none')", "none"), ("claims.groups[?1].value()", "y"),
      ("claims.?groups[0].value()", "x"),
      ("claims.?sub.hasValue()", true), ("claims.?nothing.hasValue()", false),
      ("claims.?nothing.or(claims.?sub).value()", "me"),
      ("claims.?sub.or(1 / 0 == 1 ? optional.of('x') : optional.none()).value()", "me"),
      ("optional.of(1).value()", 1), ("optional.none().orValue(2)", 2),
      ("optional.ofNonZeroValue('').hasValue()", false), ("optional.ofNonZeroValue(0).orValue(7)", 7),
      ("optional.ofNonZeroValue([1]).value()", [1]),
      ("claims.?sub.optMap(s, 'p:' + s).orValue('')", "p:me"), ("claims.?nothing.optMap(s, s + 1).orValue('')", ""),
      ("claims.?nested.optFlatMap(n, n.?deep.key).orValue('')", "value"),
      ("[1, ?claims.?nothing, ?claims.?exp]", [1, 2_000]),
      ("{'a': 1, ?'b': claims.?nothing, ?'c': claims.?sub}", ["a": 1, "c": "me"]),
      ("optional.of(1) == optional.of(1.0)", true), ("claims.?nothing == optional.none()", true),
      ("claims.?sub != optional.of('me')", false),
      ("(has(claims.sub) ? claims.?sub : optional.none()).orValue('')", "me"), ("has(claims.?nested.deep)", true),
      ("has(claims.?nothing.deep)", false), ("claims.groups.map(g, claims[?g].orValue(g))", ["x", "y", "z"]),
    ] as [(String, JSONValue)])
  func `an expression comes to its value`(text: String, expected: JSONValue) throws {
    #expect(try value(text) == expected)
  }

  @Test(arguments: [
    ("claims.nothing", "no such key: nothing"), ("claims['nothing']", "no such key: nothing"),
    ("1 / 0", "division by zero"), ("1 % 0", "modulus by zero"), ("9223372036854775807 + 1", "integer overflow"),
    ("[1][1]", "index out of bounds: 1"),
    ("1 + 'a'", "no such overload"), ("claims.sub.deep", "no such overload"), ("!1", "no such overload"),
    ("'a' ? 1 : 2", "no such overload"), ("int('x')", "cannot convert x to int"),
    ("'a'.substring(2)", "index out of range: 2"),
    ("claims.?nothing.value()", "optional.none() dereference"),
    ("claims.nothing.?deep.orValue(1)", "no such key: nothing"), ("claims.sub.?deep.orValue(1)", "no such overload"),
    ("claims.?sub.deep.orValue(1)", "no such overload"),
    ("1 / 0 == 1 && true", "division by zero"), ("'a' < 1", "no such overload"),
    ("'a'.matches('(')", "error parsing regexp: missing closing ): `(`"),
  ])
  func `what has no value says why`(text: String, problem: String) throws {
    #expect(throws: CELError(problem)) { try self.value(text) }
  }

  @Test(arguments: [
    "", "1 +", "(1", "claims.", "other.x", "nothing()", "'a'.nothing()", "'a", "\"a\nb\"", "1 2", "[1, 2", "{'a': }",
    "claims.groups.all(1, true)", "has(claims)", "a.b", "@", "'\\q'", "size()", "in", "99999999999999999999",
    "claims.?sub", "claims.?sub == 'me'", "claims.?sub + 'a'", "claims.sub.orValue('')",
    "optional.of(claims.?sub).value()", "claims.?sub.or('x').value()", "claims.?sub.orValue(claims.?sub)",
    "true ? claims.?sub : 'x'",
    "[claims.?sub]", "[?claims.sub]", "{?'a': 1}", "claims.?sub.optMap(1, 2).value()",
    "claims.?sub.optFlatMap(s, s).value()", "optional.some(1)", "claims.?", "claims[?]", "claims.?sub.nothing()",
    "size(claims.?sub)",
  ])
  func `what is no expression is refused`(text: String) {
    #expect(throws: CELError.self) { try CELExpression(text, variables: ["claims"]) }
  }

  @Test(
    arguments: [
      ("'\u{212A}' == 'K'", false), ("'\u{212A}' != 'K'", true), ("'\u{212A}' in ['K']", false),
      ("'\u{212A}' in {'K': 1}", false), ("'\u{E9}' == 'e\u{301}'", false),
      ("{'K': 1} == {'\u{212A}': 1}", false), ("['K'].indexOf('\u{212A}')", -1),
      ("'e\u{301}' < 'f' && '\u{E9}' > 'f'", true), ("'\u{212A}'.startsWith('K')", false),
      ("'e\u{301}'.startsWith('e')", true), ("'a,\u{301}b'.split(',')", ["a", "\u{301}b"]),
      ("'\u{212A}'.replace('K', 'x')", "\u{212A}"), ("{'K': 1, '\u{212A}': 2}['\u{212A}']", 2),
    ] as [(String, JSONValue)])
  func `texts are compared by bytes`(text: String, expected: JSONValue) throws { #expect(try value(text) == expected) }

  @Test func `patterns are Go's, read with the expression where they are written out, and linear`() throws {
    #expect(throws: CELError("error parsing regexp: missing closing ): `a(`")) {
      try CELExpression("claims.sub.matches('a(')", variables: ["claims"])
    }
    #expect(try value("'in 2026'.matches('(?<year>[0-9]{4})')") == true)
    let hostile = try CELExpression("claims.sub.matches('^([a-z]+)+$')", variables: ["claims"])
    let text = String(repeating: "a", count: 20_000)
    #expect(try hostile.evaluate(["claims": ["sub": .string(text)]]) == true)
    #expect(try hostile.evaluate(["claims": ["sub": .string(text + "!")]]) == false)
    // A pattern out of the claims costs steps by its length and by the text's.
    let theirs = try CELExpression("claims.texts.all(t, t.matches(claims.pattern))", variables: ["claims"])
    let many = JSONValue.array(Array(repeating: .string(text), count: 100))
    #expect(throws: CELError("operation cancelled: actual cost limit exceeded")) {
      try theirs.evaluate(["claims": ["texts": many, "pattern": .string(String(repeating: "a?", count: 200))]])
    }
    #expect(throws: CELError("error parsing regexp: missing argument to repetition operator: `*`")) {
      try theirs.evaluate(["claims": ["texts": ["a"], "pattern": "*"]])
    }
  }

  @Test func `depth, length and steps are bounded`() throws {
    #expect(throws: CELError.self) {
      try CELExpression(
        String(repeating: "(", count: 5_000) + "1" + String(repeating: ")", count: 5_000), variables: [])
    }
    #expect(throws: CELError.self) {
      try CELExpression(String(repeating: "-", count: 5_000) + "claims", variables: ["claims"])
    }
    #expect(throws: CELError.self) {
      try CELExpression("'" + String(repeating: "a", count: 11_000) + "'", variables: [])
    }
    let many = "[" + (0..<60).map { "\($0)" }.joined(separator: ",") + "]"
    let text = "\(many).all(a, \(many).all(b, \(many).all(c, a + b + c >= 0)))"
    #expect(throws: CELError("operation cancelled: actual cost limit exceeded")) {
      try CELExpression(text, variables: []).evaluate([:])
    }
    let growing =
      "['aaaaaaaaaa'].map(x, x + x).map(x, x.replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')).map(x, x.replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')).map(x, x.replace('a', 'aaaaaaaaaaaaaaaaaaaa'))"
    #expect(throws: CELError.self) { try CELExpression(growing, variables: []).evaluate([:]) }
  }

  @Test func `it is known what an expression reads`() throws {
    let expression = try CELExpression(
      "has(claims.email) && claims['email_verified'] ? claims.sub : ''", variables: ["claims"])
    #expect(
      expression.reads("claims", "email") && expression.reads("claims", "email_verified")
        && expression.reads("claims", "sub") && !expression.reads("claims", "groups"))
    let optional = try CELExpression(
      "claims.?email_verified.orValue(true) && claims[?'email'].hasValue()", variables: ["claims"])
    #expect(optional.reads("claims", "email_verified") && optional.reads("claims", "email"))
  }
}
