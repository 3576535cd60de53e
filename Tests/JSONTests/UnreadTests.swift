import ByteBuffers
import JSON
import Testing

@Suite struct `Objects left unread` {
  private func tree(_ text: String) throws -> JSONValue {
    JSONValue(try JSONTape.parse(SharedBytes(text)).root, leavingUnread: "f")
  }

  @Test func `are text until somebody looks`() throws {
    var value = try tree(#"{"a":1,"f":{"x":{"y":true}},"l":[{"f":{"z":[1]}},{"f":"no object"}]}"#)
    guard case .unread? = value["f"] else { Issue.record("read too early"); return }
    #expect(value["f"]?["x"]?["y"]?.bool == true)
    #expect(value["f"]?.object?.count == 1)
    #expect(value["l"]?.array?[0]["f"]?["z"]?.array == [1])
    #expect(value["l"]?.array?[1]["f"]?.string == "no object")
    value["f"]?["x"] = nil
    #expect(value["f"]?.object == JSONObject())
    #expect(value.encoded().text == #"{"a":1,"f":{},"l":[{"f":{"z":[1]}},{"f":"no object"}]}"#)
  }

  @Test func `are written as they were and equal what they say`() throws {
    let text = #"{"f":{"k:{\"type\":\"Ready\"}":{".":{}}},"g":0}"#
    #expect(try tree(text).encoded().text == text)
    #expect(try tree(text) == JSONValue(parsing: text))
    #expect(try JSONValue(parsing: text) == tree(text))
    #expect(try tree(text) == tree(#"{"f": {"k:{\"type\":\"Ready\"}": {".": {}}},"g":0}"#))
    #expect(try tree(text) != tree(#"{"f":{"k:{\"type\":\"Ready\"}":{}},"g":0}"#))
  }

  @Test func `outlive the tree that they were part of`() throws {
    let part = try #require(try tree(#"{"f":{"x":1}}"#)["f"])
    #expect(part.encoded().text == #"{"x":1}"#)
  }
}

@Suite struct `Trees of documents` {
  @Test(arguments: [
    (#"{"b":1,"a":2,"b":3}"#, #"{"b":3,"a":2}"#), (#"{"a":1,"a":2}"#, #"{"a":2}"#),
    (#"{"a":1,"\u0061":2}"#, #"{"a":2}"#),
    (#"{"":1,"":2}"#, #"{"":2}"#), (#"{"c":1,"b":2,"a":3}"#, #"{"c":1,"b":2,"a":3}"#),
  ]) func `keep the last of a repeated name`(text: String, expected: String) throws {
    #expect(try JSONValue(parsing: text).encoded().text == expected)
  }

  @Test func `of many members keep the last of a repeated name`() throws {
    let names = (0..<60).map { "n\(($0 * 37) % 30)" }
    let text = "{" + names.enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",") + "}"
    let object = try #require(try JSONValue(parsing: text).object)
    #expect(object.count == 30)
    for place in 30..<60 { #expect(object[names[place]]?.int == Int64(place)) }
  }

  @Test func `keep the ends of 64-bit integers`() throws {
    #expect(
      try JSONValue(parsing: "[-9223372036854775808,9223372036854775807,-0,0]").encoded().text
        == "[-9223372036854775808,9223372036854775807,0,0]")
  }
}
