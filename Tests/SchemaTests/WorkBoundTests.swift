import ByteBuffers
import JSON
import Schema
import Testing

@Suite struct `The work of decoding is bounded` {
  @Test(.timeLimit(.minutes(2))) func `a map that is given again and again is refused`() throws {
    let type = try #require(TypeModel.builtin.type("io.k8s.api.core.v1.Node"))
    func decode(_ text: String) throws -> Decoded {
      try TypeModel.builtin.decode(try JSONTape.parse(SharedBytes(text)).root, as: type)
    }
    let labels = (0..<30_000).map { #""k\#($0)":"v""# }.joined(separator: ",")
    let again = String(repeating: #","labels":{"k":"v"}"#, count: 50_000)
    #expect { try decode(#"{"metadata":{"labels":{\#(labels)}\#(again)}}"#) } throws: {
      ($0 as? DecodeError)?.description == "a map is given too many times"
    }
    // A map or two that are given twice are laid over each other.
    #expect(
      try decode(#"{"metadata":{"labels":{\#(labels)},"labels":{"k1":"w","x":"y"}}}"#).value["metadata"]?["labels"]?
        .object?.count == 30_001)
  }

  @Test(.timeLimit(.minutes(2))) func `a long path is spelled only where there is something to complain of`() throws {
    let name = String(repeating: "n", count: 1_000_000)
    let members = (0..<60_000).map { #""m\#($0)":1"# }.joined(separator: ",")
    #expect(StrictDocument.problems(try JSONTape.parse(SharedBytes(#"{"\#(name)":{\#(members)}}"#)).root) == [])
    let again = String(repeating: #","a":{"b":1,"b":2}"#, count: 60_000)
    let problems = StrictDocument.problems(try JSONTape.parse(SharedBytes(#"{"\#(name)":{"a":1\#(again)}}"#)).root)
    #expect(
      problems == [#"duplicate field "\#(name).a.b""#, #"duplicate field "\#(name).a""#]
        || problems == [#"duplicate field "\#(name).a""#, #"duplicate field "\#(name).a.b""#])
    #expect(
      StrictDocument.problems(
        try JSONTape.parse(SharedBytes(#"{"a":[{"x":1,"x":2,"x":3}],"b":{"c":{"d":1,"d":2}}}"#)).root) == [
          #"duplicate field "a[0].x""#, #"duplicate field "b.c.d""#,
        ])
  }
}
