import ByteBuffers
import Foundation
import JSON
import Testing

@Suite struct `JSON parser` {
  @Test(arguments: [
    ("", "unexpected end of JSON input"), ("{", "unexpected end of JSON input"),
    ("[1,", "unexpected end of JSON input"),
    ("{]", "invalid character ']' looking for beginning of object key string"),
    ("[1 2]", "invalid character '2' after array element"),
    (#"{"a" 1}"#, "invalid character '1' after object key"),
    (#"{"a":1 "b"}"#, "invalid character '\"' after object key:value pair"),
    ("1 2", "invalid character '2' after top-level value"), ("tru", "unexpected end of JSON input"),
    ("trux", "invalid character 'x' in literal true (expecting 'e')"),
    ("01", "invalid character '1' after top-level value"), ("-", "unexpected end of JSON input"),
    ("-a", "invalid character 'a' in numeric literal"),
    ("1.", "unexpected end of JSON input"), ("1.e", "invalid character 'e' after decimal point in numeric literal"),
    ("1e+", "unexpected end of JSON input"), ("1ex", "invalid character 'x' in exponent of numeric literal"),
    ("\"a\nb\"", "invalid character '\\n' in string literal"),
    (#""\x""#, "invalid character 'x' in string escape code"),
    (#""\u12g4""#, "invalid character 'g' in \\u hexadecimal character escape"),
    ("[1,]", "invalid character ']' looking for beginning of value"),
    (#"{"a":1,}"#, "invalid character '}' looking for beginning of object key string"),
    ("'a'", "invalid character '\\'' looking for beginning of value"),
    ("1e999", "json: cannot unmarshal number 1e999 into Go value of type float64"),
  ])
  func `what is not JSON is refused in Go's words`(text: String, message: String) {
    #expect { try JSONValue(parsing: text) } throws: { ($0 as? JSONParseError)?.description == message }
  }

  @Test func `bytes that are no UTF-8 are named and repaired`() throws {
    for (byte, shown) in [(0xCF, "'\u{CF}'"), (0x85, #"'\u0085'"#), (0xAD, #"'\u00ad'"#), (0xFF, "'\u{FF}'")]
      as [(UInt8, String)]
    {
      #expect { try JSONTape.parse(SharedBytes([byte])) } throws: {
        "\($0)".contains("invalid character \(shown) looking for beginning of value")
      }
    }
    #expect(try JSONTape.parse(SharedBytes([0x22, 0x61, 0xFF, 0x22])).root.string == "a\u{FFFD}")
  }

  @Test func `escapes are decoded, lone surrogates replaced`() throws {
    #expect(
      try JSONValue(
        parsing: #""\u00e9\n\/\ud83d\ude00\ud83d\ude\u0041""#.replacingOccurrences(of: #"\ude\u"#, with: #"\u"#))
        == .string("é\n/😀\u{FFFD}A"))
    #expect(try JSONTape.parse(SharedBytes(#"{"\u0061":1}"#)).root["a"]?.int == 1)
  }

  @Test func `numbers are integers where they fit 64 bits, doubles elsewhere`() throws {
    #expect(
      try JSONValue(parsing: "[9223372036854775807,-9223372036854775808,9223372036854775808,1.0,1e2]")
        == [.int(.max), .int(.min), .double(9223372036854775808), .double(1), .double(100)])
  }

  @Test func `of a repeated member the last counts, and all are shown`() throws {
    let root = try JSONTape.parse(SharedBytes(#"{"a":1,"b":{"c":[{}]},"a":2}"#)).root
    #expect(root["a"]?.int == 2)
    #expect(root.members.map { $0.name.string } == ["a", "b", "a"])
    #expect(root["b"]?.raw.text == #"{"c":[{}]}"#)
  }

  @Test func `nesting is bounded and needs no stack`() throws {
    let deep = String(repeating: "[", count: 9_999) + String(repeating: "]", count: 9_999)
    #expect(try JSONTape.parse(SharedBytes(deep)).root.kind == .array)
    #expect { try JSONTape.parse(SharedBytes("[[" + deep + "]]")) } throws: { "\($0)" == "exceeded max depth" }
    #expect(throws: JSONParseError.self) { try JSONValue(parsing: deep) }
  }

  /// Our parser and Foundation's agree on what is JSON, and on what it says, for texts that are nearly JSON.
  @Test(arguments: [1, 2, 3, 4])
  func `mutated texts are read as another parser reads them`(seed: UInt64) throws {
    var random = Generator(state: seed)
    let corpus = [
      #"{"kind":"Node","metadata":{"name":"a","labels":{"x":"1","y":"ü"}},"spec":{},"status":{"n":[1,-2,3.5,1e3,true,false,null]}}"#,
      #"[[],{},[{}],"\u00e4\n",0,-0.5e-3,"😀"]"#, #"{"a":{"b":{"c":[1,[2,[3]]]}},"d":""}"#,
    ]
    for _ in 0..<2_000 {
      var bytes = Array(corpus[Int(random.next() % 3)].utf8)
      for _ in 0..<(random.next() % 3) {
        let place = Int(random.next() % UInt64(bytes.count))
        switch random.next() % 3 {
        case 0: bytes[place] = Array(#"{}[]:,"\ 0-1.eutfn"#.utf8)[Int(random.next() % 18)]
        case 1: bytes.remove(at: place)
        default: bytes.insert(bytes[Int(random.next() % UInt64(bytes.count))], at: place)
        }
      }
      let theirs = try? JSONSerialization.jsonObject(with: Data(bytes), options: [.fragmentsAllowed])
      let ours = try? JSONValue(parsing: ByteSlice(SharedBytes(bytes)))
      let text = String(decoding: bytes, as: UTF8.self)
      if let ours, let theirs {
        let again = try JSONSerialization.jsonObject(with: Data(ours.encoded().array), options: [.fragmentsAllowed])
        #expect((again as? NSObject) == (theirs as? NSObject), "\(text)")
      } else if ours == nil && theirs != nil {
        // Foundation takes some texts that Go refuses: leading zeros, commas at the end. Go's rule is ours.
        #expect(
          text.contains("0") || text.contains("\\") || text.contains(",}") || text.contains(",]")
            || text.contains(", "), "refused: \(text)")
      }
    }
  }

  private struct Generator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
  }
}
