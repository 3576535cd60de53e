import Testing

@testable import CEL

/// The libraries' functions by the names of their overloads: what upstream answers and what it says is wrong.
@Suite struct `Library functions` {
  private static let all = LibraryFunction<PlainValue>.all()

  /// What a value is shown as: `list|["a"]`, `int|1`; an object by the name of its type.
  private func call(_ overload: String, _ arguments: [PlainValue]) -> String {
    guard let function = Self.all.first(where: { $0.overload == overload }) else { return "no \(overload)" }
    do throws(LibraryFault) { return shown(try function.body(LibraryArguments(arguments))) } catch {
      return if case .text(let text) = error { "! \(text)" } else { "! \(error)" }
    }
  }

  private func shown(_ value: PlainValue) -> String {
    switch value {
    case .object(let object): object.typeName
    case .optional(let inner): inner.map { "optional(\(shown($0)))" } ?? "none"
    case .string(let text): text
    default: ValueFormat<PlainValue>.shown(value)
    }
  }

  private func object(_ overload: String, _ text: String) throws -> PlainValue {
    let function = try #require(Self.all.first { $0.overload == overload })
    return try function.body(LibraryArguments([.string(text)]))
  }

  private func ints(_ values: Int64...) -> PlainValue { .list(values.map { .int($0) }) }

  @Test func `every overload is there once`() {
    var names: Set<String> = []
    for function in Self.all { #expect(names.insert(function.overload).inserted, "\(function.overload)") }
  }

  @Test func `every signature is one`() throws {
    let simple = ["int", "uint", "double", "bool", "string", "bytes", "duration", "timestamp", "dyn"]
    func check(_ kind: LibrarySignature.Kind) -> Bool {
      switch kind {
      case .simple(let name): simple.contains(name)
      case .list(let inner), .optional(let inner): check(inner)
      case .map(let key, let value): check(key) && check(value)
      case .parameter(let name): name.utf8.count == 1
      case .object(let name): name.hasPrefix("kubernetes.") || name == "net.IP" || name == "net.CIDR"
      }
    }
    for function in Self.all {
      let signature = try #require(LibrarySignature(function.signature), "\(function.signature)")
      #expect((signature.parameters + [signature.result]).allSatisfy(check), "\(function.signature)")
    }
    let flatten = LibrarySignature("list(list(T)).() -> list(T)")
    #expect(flatten?.receiver == .list(.list(.parameter("T"))) && flatten?.arguments == [])
    let contains = LibrarySignature("net.CIDR.(net.IP, map(string, int)) -> bool")
    #expect(contains?.arguments == [.object("net.IP"), .map(.simple("string"), .simple("int"))])
    #expect(LibrarySignature("() -> optional(V)")?.receiver == nil && LibrarySignature("string.(") == nil)
  }

  @Test func `lists`() {
    #expect(call("list_slice", [ints(1, 2, 3), .int(1), .int(2)]) == "[2]")
    #expect(
      call("list_slice", [ints(1), .int(-1), .int(1)]) == "! cannot slice(-1, 1), negative indexes not supported")
    #expect(
      call("list_slice", [ints(1), .int(1), .int(0)])
        == "! cannot slice(1, 0), start index must be less than or equal to end index")
    #expect(call("list_slice", [ints(1), .int(0), .int(2)]) == "! cannot slice(0, 2), list is length 1")
    #expect(call("list_flatten", [.list([ints(1), .list([ints(2)])])]) == "[1, [2]]")
    #expect(call("list_flatten_int", [.list([ints(1), .list([ints(2)]), .int(3)]), .int(9)]) == "[1, 2, 3]")
    #expect(call("list_flatten_int", [ints(1), .int(-1)]) == "! level must be non-negative")
    #expect(call("lists_range", [.int(3)]) == "[0, 1, 2]" && call("lists_range", [.int(-1)]) == "[]")
    #expect(call("lists_range", [.int(.max)]) == "! tooLarge")
    #expect(call("list_reverse", [ints(1, 2)]) == "[2, 1]" && call("list_distinct", [ints(1, 2, 1)]) == "[1, 2]")
    #expect(call("list_int_sort", [ints(3, 1, 2)]) == "[1, 2, 3]" && call("list_int_sort", [.list([])]) == "[]")
    #expect(
      call("list_int_sort", [.list([.int(1), .string("a")])]) == "! list elements must have the same type")
    #expect(call("list_int_sortByAssociatedKeys", [ints(7, 8), ints(2, 1)]) == "[8, 7]")
  }

  @Test func `sums and the like`() {
    #expect(call("list_int_sum_int", [ints(1, 2)]) == "3" && call("list_int_sum_int", [.list([])]) == "0")
    #expect(call("list_int_max_int", [ints(1, 3, 2)]) == "3" && call("list_int_min_int", [ints(2, 1)]) == "1")
    #expect(call("list_int_min_int", [.list([])]) == "! min called on empty list")
    #expect(call("list_int_min_int", [.list([.int(1), .string("a")])]) == "1")
    #expect(call("list_int_is_sorted_bool", [ints(1, 1, 2)]) == "true")
    #expect(call("list_a_index_of_int", [ints(1, 2, 2), .int(2)]) == "1")
    #expect(call("list_a_last_index_of_int", [ints(1, 2, 2), .int(3)]) == "-1")
  }

  @Test func `sets`() {
    #expect(call("list_sets_contains_list", [ints(1, 2), ints(2)]) == "true")
    #expect(call("list_sets_contains_list", [ints(1), .list([])]) == "true")
    #expect(call("list_sets_equivalent_list", [ints(1), ints(1, 2)]) == "false")
    #expect(call("list_sets_intersects_list", [ints(1, 2), ints(2, 3)]) == "true")
    let many = PlainValue.list((0..<2_000).map { .int($0) })
    #expect(call("list_sets_contains_list", [many, many]) == "! tooLarge")
  }

  @Test func `optionals`() {
    #expect(call("optional_value", [.optional(nil)]) == "! optional.none() dereference")
    #expect(call("optional_value", [.optional(.int(1))]) == "1" && call("optional_none", []) == "none")
    #expect(call("list_first", [ints(4, 5)]) == "optional(4)" && call("list_last", [.list([])]) == "none")
    #expect(call("optional_unwrapOpt", [.list([.optional(nil), .optional(.int(2))])]) == "[2]")
  }

  @Test func `addresses and networks`() throws {
    #expect(call("string_to_ip", [.string("::1")]) == "net.IP")
    #expect(
      call("string_to_ip", [.string("x")])
        == #"! IP Address "x" parse error during conversion from string: ParseAddr("x"): unable to parse IP"#)
    #expect(
      call("string_to_ip", [.string("fe80::1%eth0")]) == #"! IP address "fe80::1%eth0" with zone value is not allowed"#)
    #expect(
      call("string_to_ip", [.string("::ffff:1.2.3.4")])
        == #"! IPv4-mapped IPv6 address "::ffff:1.2.3.4" is not allowed"#)
    #expect(call("is_ip", [.string("010.0.0.1")]) == "false" && call("ip_is_canonical", [.string("::A")]) == "false")
    let ten = try object("string_to_cidr", "10.1.2.3/8")
    #expect(call("cidr_to_string", [ten]) == "10.1.2.3/8" && call("cidr_prefix_length", [ten]) == "8")
    #expect(call("cidr_contains_ip_string", [ten, .string("10.9.9.9")]) == "true")
    #expect(call("cidr_contains_ip_string", [ten, .string("::1")]) == "false")
    #expect(call("cidr_contains_cidr_string", [ten, .string("10.0.0.0/7")]) == "false")
    #expect(call("is_cidr", [.string("10.0.0.0")]) == "false")
    let lead = "network address parse error during conversion from string: "
    #expect(
      call("string_to_cidr", [.string("bad")]) == #"! \#(lead)\#(lead)netip.ParsePrefix("bad"): no '/'"#)
    #expect(
      call("string_to_cidr", [.string("::ffff:1.2.3.4/100")])
        == #"! \#(lead)IPv4-mapped IPv6 address "::ffff:1.2.3.4/100" is not allowed"#)
  }

  @Test func `URLs`() throws {
    let url = try object("string_to_url", "https://user:pw@example.com:8080/a%20b/c?x=1&y=2&x=3#frag")
    #expect(call("url_get_host", [url]) == "example.com:8080" && call("url_get_port", [url]) == "8080")
    #expect(call("url_get_query", [url]) == #"{"x":["1", "3"], "y":["2"]}"#)
    #expect(
      call("string_to_url", [.string("")]) == #"! URL parse error during conversion from string: parse "": empty url"#)
    #expect(call("is_url_string", [.string("/path")]) == "true" && call("is_url_string", [.string("x")]) == "false")
  }

  @Test func `quantities and versions`() throws {
    #expect(call("string_to_quantity", [.string("1kk")]) == "! unable to parse quantity's suffix")
    let half = try object("string_to_quantity", "1.5")
    #expect(call("quantity_get_int", [half]) == "! cannot convert value to integer")
    #expect(call("quantity_sign", [half]) == "1" && call("quantity_is_integer", [half]) == "false")
    let sum = try #require(Self.all.first { $0.overload == "quantity_add_int" })
      .body(LibraryArguments([half, .int(2)]))
    #expect(call("quantity_compare_to", [sum, try object("string_to_quantity", "3500m")]) == "0")
    #expect(call("string_to_semver", [.string("1")]) == "! No Major.Minor.Patch elements found")
    #expect(call("string_bool_to_semver", [.string("v1"), .bool(true)]) == "kubernetes.Semver")
    #expect(call("semver_patch", [try object("string_to_semver", "1.2.3-a")]) == "3")
  }

  @Test func `named formats and regular expressions`() throws {
    let label = try #require(Self.all.first { $0.overload == "format.dns1123Label" })
      .body(LibraryArguments([]))
    #expect(call("format-validate", [label, .string("a")]) == "none" && call("format-named", [.string("x")]) == "none")
    #expect(call("string_find_all_string_int", [.string("a1b2"), .string("[0-9]"), .int(1)]) == #"["1"]"#)
    #expect(
      call("string_find_string", [.string("a"), .string("(")])
        == "! Illegal regex: error parsing regexp: missing closing ): `(`")
  }

  @Test(
    arguments: [
      ("%d", [.int(-5)], "-5"),
      ("%s", [.list([.int(1), .string("x"), .double(1.5), .null])], #"[1, "x", 1.500000, null]"#),
      ("%s", [.map([(.string("b"), .int(1)), (.string("a"), .int(2))])], #"{"a":2, "b":1}"#),
      (
        "%s", [.map([(.double(1.5), .int(1))])],
        "! error during formatting: no formatting function for map key of type double"
      ),
      ("%f", [.double(1234.5)], "1,234.500000"), ("%f", [.string("Infinity")], "∞"), ("%b", [.int(-5)], "-101"),
      ("%x", [.string("hello")], "68656c6c6f"), ("%X", [.uint(255)], "FF"), ("%o", [.int(-8)], "-10"),
      ("%b", [.bool(false)], "0"),
      ("%x", [.int(.min)], "-8000000000000000"), ("%s", [.list([.double(.infinity)])], #"["+Inf"]"#),
      ("%d", [.double(1)], "! error during formatting: decimal clause can only be used on integers, was given double"),
      ("%s %s", [.int(1)], "! index 1 out of range"),
    ] as [(String, [PlainValue], String)])
  func formats(format: String, values: [PlainValue], text: String) {
    #expect(call("string_format", [.string(format), .list(values)]) == text)
  }

  @Test func `what calls have cost`() throws {
    func cost(_ function: String, _ overload: String, _ arguments: [PlainValue], _ result: PlainValue? = nil) -> UInt64
    {
      LibraryCost<PlainValue>.cost(function, overload, arguments, result)
    }
    let text = PlainValue.string(String(repeating: "é", count: 25))
    #expect(cost("upperAscii", "string_upper_ascii", [text]) == 3 && cost("split", "string_split_string", [text]) == 5)
    #expect(cost("join", "list_join", [.list([])], text) == 5 && cost("_+_", "add_string", [text, text]) == 5)
    #expect(cost("_==_", "equals", [text, .string("a")]) == 1 && cost("_==_", "equals", [text, .string("")]) == 0)
    #expect(cost("@in", "in_list", [.int(1), ints(1, 2, 3)]) == 3 && cost("size", "string_size", [text]) == 1)
    // Whoever walks through texts in a list is counted by bytes, rounded down.
    #expect(cost("max", "list_string_max_string", [.list([text, .string("123456789")])]) == 5)
    #expect(cost("matches", "matches_string", [text, .string("abcde")]) == 6)
    #expect(cost("sort", "list_int_sort", [ints(1, 2, 3)]) == 29 && cost("slice", "list_slice", [], ints(1)) == 12)
    #expect(cost("sort", "list_string_sort", [.list([text, text])]) == 19)
    #expect(cost("sets.equivalent", "list_sets_equivalent_list", [ints(1, 2), ints(1, 2)]) == 9)
    let network = try object("string_to_cidr", "10.0.0.0/8")
    #expect(cost("containsIP", "cidr_contains_ip_string", [network, .string("10.0.0.1")]) == 2)
    #expect(cost("containsCIDR", "cidr_contains_cidr", [network, network]) == 3)
    #expect(cost("_==_", "equals", [network, network]) == 1)
  }
}
