import ByteBuffers
import Machinery
import Registry
import Testing

@testable import APIServer

@Suite struct `Parameters` {
  @Test(arguments: [
    ("limit=abc", #"strconv.ParseInt: parsing "abc": invalid syntax"#),
    ("limit=", #"strconv.ParseInt: parsing "": invalid syntax"#),
    ("timeoutSeconds=99999999999999999999", #"strconv.ParseInt: parsing "99999999999999999999": value out of range"#),
  ])
  func `a number that is none is a bad request`(query: String, message: String) {
    #expect(throws: Status.badRequest(message)) { try ListOptions(Query(query)) }
  }

  @Test(arguments: [("true", true), ("", true), ("1", true), ("no", true), ("false", false), ("FALSE", false), ("0", false)])
  func `truth is everything but false and 0`(text: String, truth: Bool) {
    #expect(ParameterText.bool(text) == truth)
  }

  @Test(arguments: [
    ("dryRun=Sometimes", WriteOptions.Verb.create, #"CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Sometimes"]: supported values: "All""#),
    ("dryRun=All&dryRun=x", .update, #"UpdateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["All","x"]: supported values: "All""#),
    ("fieldValidation=Bogus", .create, #"CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Bogus": supported values: "", "Ignore", "Strict", "Warn""#),
    ("force=true", .patch, #"PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch"#),
    ("fieldManager=a%01", .create, #"CreateOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "a\x01": invalid character U+0001 (at position 1)"#),
  ])
  func `bad write options are invalid`(query: String, verb: WriteOptions.Verb, message: String) {
    let status = #expect(throws: Status.self) { try WriteOptions(verb, Query(query)).validate() }
    #expect(status?.message == message)
    #expect(status?.code == 422)
  }
}

@Suite struct `Delete options` {
  private func parse(_ body: String, _ query: String = "", contentType: String? = "application/json") throws(Status) -> DeleteOptions {
    let options = try DeleteOptions(body: ByteSlice(SharedBytes(body)), contentType: contentType, query: Query(query))
    try options.validate()
    return options
  }

  @Test func `a body hides the whole query`() throws {
    let options = try parse(#"{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"u"}}"#, "dryRun=All&propagationPolicy=Orphan")
    #expect(options.uid == "u")
    #expect(!options.isDryRun && options.propagationPolicy == nil)
    let fromQuery = try parse("", "dryRun=All&propagationPolicy=Orphan&gracePeriodSeconds=3")
    #expect(fromQuery.isDryRun && fromQuery.propagationPolicy == "Orphan" && fromQuery.gracePeriodSeconds == 3)
    #expect(try parse("propagationPolicy: Foreground", contentType: "application/yaml").propagationPolicy == "Foreground")
  }

  @Test(arguments: ["{not json", "[]", #"{"kind":"Node","apiVersion":"v1"}"#, #"{"kind":"DeleteOptions","apiVersion":"v9"}"#, #"{"gracePeriodSeconds":"x"}"#])
  func `what is no DeleteOptions is a bad request`(body: String) {
    let status = #expect(throws: Status.self) { try parse(body) }
    #expect(status?.code == 400)
  }

  @Test func `policies and media types are checked`() {
    let status = #expect(throws: Status.self) { try parse("", "propagationPolicy=Sideways") }
    #expect(status?.code == 422)
    #expect(throws: Status.self) { try parse("", "propagationPolicy=Orphan&orphanDependents=true") }
    #expect(throws: Status.unsupportedMediaType(accepted: MediaType.all)) { try parse("x", contentType: "text/plain") }
  }
}

@Suite struct `Warning headers` {
  @Test func `texts are quoted and said once`() {
    #expect(Warnings.headers([#"unknown field "spec.x""#, "", #"unknown field "spec.x""#, "a\u{7}b"]) == [#"299 - "unknown field \"spec.x\"""#, #"299 - "ab""#])
  }

  @Test func `too much in total cuts each`() {
    let texts = (0..<10).map { String(repeating: "x", count: 1_000) + "\($0)" }
    let headers = Warnings.headers(texts)
    #expect(headers.count == 1 || headers.allSatisfy { $0.count <= 256 + 9 })
    #expect(headers.count == 10)
  }
}
