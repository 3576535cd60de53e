import ByteBuffers
import JSON
import Testing

@testable import FieldManagement

@Suite struct `Cache of field sets` {
  private func text(_ text: String) -> JSONText { JSONText(bytes: ByteSlice(SharedBytes(text))) }

  @Test func `gives what reading gives, and its canonical text`() throws {
    let cache = FieldSetCache(nil)
    for _ in 0..<2 {
      let known = try cache.read(text(#"{"f:spec": {"f:b":{}, "f:a":{}}}"#))
      #expect(known.set == FieldSet(fields: [["spec", "a"], ["spec", "b"]]))
      #expect(known.text.bytes.text == #"{"f:spec":{"f:a":{},"f:b":{}}}"#)
    }
  }

  @Test func `refuses what is no set each time`() {
    let cache = FieldSetCache(nil)
    for _ in 0..<2 { #expect(throws: FieldsError.self) { try cache.read(text(#"{"f:a":1}"#)) } }
  }

  @Test func `stays right when it is full`() throws {
    let cache = FieldSetCache(nil)
    for round in 0..<3 {
      for place in 0..<600 {
        let known = try cache.read(text(#"{"f:n\#(place)":{}}"#))
        #expect(known.set == FieldSet(fields: [["n\(place)"]]), "round \(round)")
      }
    }
  }
}
