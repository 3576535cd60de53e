import ByteBuffers
import Machinery
import Testing

@testable import APIServer

@Suite struct `List parameters` {
  @Test(arguments: [
    ("limit=abc", #"strconv.ParseInt: parsing "abc": invalid syntax"#),
    ("limit=", #"strconv.ParseInt: parsing "": invalid syntax"#),
    ("timeoutSeconds=99999999999999999999", #"strconv.ParseInt: parsing "99999999999999999999": value out of range"#),
    ("labelSelector=a%3D%3D%3Db", "unable to parse requirement: found '=', expected: identifier"),
  ])
  func `what can't be read is a bad request`(query: String, message: String) {
    #expect(throws: Status.badRequest(message)) { try ListParameters(Query(query)) }
  }

  @Test(arguments: [
    ("resourceVersionMatch=Exact", "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"),
    ("resourceVersionMatch=Exact&resourceVersion=0", #"resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0""#),
    ("sendInitialEvents=true", "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"),
    ("watch=1&sendInitialEvents=true", "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
    ("watch=1&resourceVersionMatch=NotOlderThan", "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"),
    (
      "resourceVersion=5&continue=x&resourceVersionMatch=Bogus",
      #"[resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided, resourceVersionMatch: Unsupported value: "Bogus": supported values: "Exact", "NotOlderThan", ""]"#
    ),
  ])
  func `what can't stand together is invalid`(query: String, message: String) throws {
    let parameters = try ListParameters(Query(query))
    let status = #expect(throws: Status.self) { try parameters.validate() }
    #expect(status?.code == 422)
    #expect(status?.message == #"ListOptions.meta.k8s.io "" is invalid: "# + message)
  }

  @Test(arguments: [("true", true), ("", true), ("1", true), ("false", false), ("FALSE", false), ("0", false)])
  func `truth is everything but false and 0`(text: String, truth: Bool) throws {
    #expect(try ListParameters(Query("watch=\(text)")).watch == truth)
  }
}

@Suite struct `Write parameters` {
  @Test(arguments: [
    ("dryRun=Sometimes", WriteParameters.Kind.create, #"CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Sometimes"]: supported values: "All""#),
    ("dryRun=All&dryRun=x", .update, #"UpdateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["All","x"]: supported values: "All""#),
    ("fieldValidation=Bogus", .create, #"CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Bogus": supported values: "", "Ignore", "Strict", "Warn""#),
    ("force=true", .patch, #"PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch"#),
    ("fieldManager=a%01", .create, #"CreateOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "a\x01": invalid character U+0001 (at position 1)"#),
  ])
  func `bad values are invalid`(query: String, kind: WriteParameters.Kind, message: String) {
    let status = #expect(throws: Status.self) { try WriteParameters(Query(query), kind: kind) }
    #expect(status?.message == message)
    #expect(status?.code == 422)
  }

  @Test func `apply needs a manager`() {
    let status = #expect(throws: Status.self) { try WriteParameters(Query(""), kind: .patch, isApply: true) }
    #expect(status?.message == #"PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch"#)
  }

  @Test func `the manager is the first part of the user agent`() throws {
    let none = try WriteParameters(Query(""), kind: .create)
    #expect(none.manager(userAgent: "kubectl/v1.37 (linux)") == "kubectl")
    #expect(none.manager(userAgent: nil) == "")
    #expect(try WriteParameters(Query("fieldManager=me"), kind: .create).manager(userAgent: "kubectl/v1") == "me")
  }
}

@Suite struct `Delete parameters` {
  private func parse(_ body: String, _ query: String = "", media: MediaType? = .json) throws(Status) -> DeleteParameters {
    try DeleteParameters(body: ByteSlice(SharedBytes(body)), media: media, query: Query(query))
  }

  @Test func `a body hides the whole query`() throws {
    let parameters = try parse(#"{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"u"}}"#, "dryRun=All&propagationPolicy=Orphan")
    #expect(parameters.uid == "u")
    #expect(!parameters.isDryRun && parameters.propagationPolicy == nil)
    let fromQuery = try parse("", "dryRun=All&propagationPolicy=Orphan&gracePeriodSeconds=3")
    #expect(fromQuery.isDryRun && fromQuery.propagationPolicy == "Orphan" && fromQuery.gracePeriodSeconds == 3)
  }

  @Test(arguments: ["{not json", "[]", #"{"kind":"Node","apiVersion":"v1"}"#, #"{"kind":"DeleteOptions","apiVersion":"v9"}"#, #"{"gracePeriodSeconds":"x"}"#])
  func `what is no DeleteOptions is a bad request`(body: String) {
    #expect(throws: Status.self) { try parse(body) }
    do { _ = try parse(body) } catch { #expect(error.code == 400) }
  }

  @Test func `policies are checked`() {
    let status = #expect(throws: Status.self) { try parse("", "propagationPolicy=Sideways") }
    #expect(
      status?.message
        == #"DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Sideways": supported values: "Foreground", "Background", "Orphan", "nil""#)
    #expect(throws: Status.self) { try parse("", "propagationPolicy=Orphan&orphanDependents=true") }
    #expect(throws: Status.unsupportedMediaType(accepted: MediaType.all)) { try parse("x", media: nil) }
  }
}
