import ByteBuffers
import Machinery
import Registry
import Schema
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

  @Test(arguments: [
    ("true", true), ("", true), ("1", true), ("no", true), ("false", false), ("FALSE", false), ("0", false),
  ])
  func `truth is everything but false and 0`(text: String, truth: Bool) {
    #expect(ParameterText.bool(text) == truth)
  }

  @Test(arguments: [
    (
      "dryRun=Sometimes", WriteOptions.Verb.create,
      #"CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Sometimes"]: supported values: "All""#
    ),
    (
      "dryRun=All&dryRun=x", .update,
      #"UpdateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["All","x"]: supported values: "All""#
    ),
    (
      "fieldValidation=Bogus", .create,
      #"CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Bogus": supported values: "", "Ignore", "Strict", "Warn""#
    ),
    (
      "force=true", .patch,
      #"PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch"#
    ),
    (
      "fieldManager=a%01", .create,
      #"CreateOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "a\x01": invalid character U+0001 (at position 1)"#
    ),
  ])
  func `bad write options are invalid`(query: String, verb: WriteOptions.Verb, message: String) {
    let status = #expect(throws: Status.self) { try WriteOptions(verb, Query(query)).validate() }
    #expect(status?.message == message)
    #expect(status?.code == 422)
  }
}

@Suite struct `List options` {
  private static let withContinue =
    "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided"
  private static let withoutMatch =
    "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
  private static let ofLists = "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"
  private static let unasked =
    "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"

  /// (`ValidateListOptions` after `SetListOptionsDefaults`.)
  @Test(
    arguments: [
      ("watch=true&continue=abc", [withContinue]), ("watch=1&continue=abc&resourceVersion=0", [withContinue]),
      ("watch=true&continue=abc&resourceVersion=5", []),
      ("watch=true&continue=abc&sendInitialEvents=false", [withoutMatch]),
      ("watch=true&continue=abc&sendInitialEvents=true&resourceVersionMatch=NotOlderThan", [withContinue]),
      ("watch=true&resourceVersionMatch=NotOlderThan", [unasked]),
      (
        "watch=true&resourceVersionMatch=Exact&continue=c&resourceVersion=5",
        [unasked, #"resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan""#, withContinue]
      ),
      ("watch=true&limit=3&timeoutSeconds=1&allowWatchBookmarks=true&shardSelector=x", []),
      ("continue=abc", []), ("continue=abc&resourceVersionMatch=Exact&resourceVersion=1", [withContinue]),
      ("sendInitialEvents=true", [ofLists]),
      ("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=1&watch=false", [ofLists]),
      (
        "resourceVersionMatch=Exact&resourceVersion=0",
        [#"resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0""#]
      ),
    ] as [(String, [String])])
  func `which options may stand together depends on whether a watch is asked for`(
    query: String, complaints: [String]
  ) throws {
    let options = try ListOptions(Query(query))
    guard !complaints.isEmpty else { return try options.validate() }
    let status = #expect(throws: Status.self) { try options.validate() }
    #expect(status?.code == 422)
    #expect(status?.details?.causes.map { "\($0.field): \($0.message)" } == complaints)
  }
}

@Suite struct `Delete options` {
  private func parse(
    _ body: String, _ query: String = "", contentType: String? = "application/json"
  ) throws(Status) -> DeleteOptions {
    let options = try DeleteOptions(body: ByteSlice(SharedBytes(body)), contentType: contentType, query: Query(query))
    try options.validate()
    return options
  }

  @Test func `a body hides the whole query`() throws {
    let options = try parse(
      #"{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"u"}}"#, "dryRun=All&propagationPolicy=Orphan")
    #expect(options.uid == "u")
    #expect(!options.isDryRun && options.propagationPolicy == nil)
    let fromQuery = try parse("", "dryRun=All&propagationPolicy=Orphan&gracePeriodSeconds=3")
    #expect(fromQuery.isDryRun && fromQuery.propagationPolicy == "Orphan" && fromQuery.gracePeriodSeconds == 3)
    #expect(
      try parse("propagationPolicy: Foreground", contentType: "application/yaml").propagationPolicy == "Foreground")
  }

  @Test(arguments: ["{not json", "[]", #"{"kind":"Node","apiVersion":"v1"}"#, #"{"gracePeriodSeconds":"x"}"#])
  func `what is no DeleteOptions is a bad request`(body: String) {
    let status = #expect(throws: Status.self) { try parse(body) }
    #expect(status?.code == 400)
  }

  @Test(
    arguments: [
      "", "v1", "v2", "apps/v1", "example.org/v1beta7", "meta.k8s.io/v1", "meta.k8s.io/__internal", "/", "meta.k8s.io/",
    ], ["", "DeleteOptions"])
  func `options are good in any group version, in every media type`(version: String, kind: String) throws {
    let text = #"{"kind":"\#(kind)","apiVersion":"\#(version)","dryRun":["All"],"bogus":1}"#
    #expect(try parse(text).isDryRun)
    #expect(try parse(text, contentType: "application/yaml").isDryRun)
    // dryRun is member 5.
    let head = ProtobufEnvelope.head(apiVersion: version, kind: kind, count: 5)
    let message = ByteSlice(SharedBytes(head + [0x2A, 3] + Array("All".utf8) + ProtobufEnvelope.tail))
    #expect(
      try DeleteOptions(body: message, contentType: "application/vnd.kubernetes.protobuf", query: Query("")).isDryRun)
  }

  private static let scheme = #"in scheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:26""#

  @Test(arguments: [
    (#"{"kind":"Foo"}"#, #"no kind "Foo" is registered for version "meta.k8s.io/v1" "# + scheme),
    (#"{"kind":"Node","apiVersion":"v1"}"#, #"no kind "Node" is registered for version "v1" "# + scheme),
    (
      #"{"kind":"ListOptions","apiVersion":"apps/v1"}"#,
      #"no kind "ListOptions" is registered for version "apps/v1" "# + scheme
    ),
    (
      #"{"kind":"Foo","apiVersion":"meta.k8s.io/__internal"}"#,
      #"no kind "Foo" is registered for the internal version of group "meta.k8s.io" "# + scheme
    ),
    (#"{"kind":"ListOptions"}"#, "converting (v1.ListOptions) to (v1.DeleteOptions): unknown conversion"),
    (
      #"{"kind":"UpdateOptions","apiVersion":"apps/v1"}"#,
      "converting (v1.UpdateOptions) to (v1.DeleteOptions): unknown conversion"
    ),
    (#"{"kind":"Status","apiVersion":"v1"}"#, "converting (v1.Status) to (v1.DeleteOptions): unknown conversion"),
    (#"{"apiVersion":"apps/"}"#, #"Object 'apiVersion' is missing in '{"apiVersion":"apps/"}'"#),
    (#"{"apiVersion":"a/b/c"}"#, "unexpected GroupVersion string: a/b/c"),
    (
      #"{"kind":5}"#,
      "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string"
    ),
    (
      #"{"gracePeriodSeconds":1.0}"#,
      "json: cannot unmarshal number 1.0 into Go struct field DeleteOptions.gracePeriodSeconds of type int64"
    ),
    (
      #"{"gracePeriodSeconds":1e3}"#,
      "json: cannot unmarshal number 1e3 into Go struct field DeleteOptions.gracePeriodSeconds of type int64"
    ),
  ])
  func `what is another kind, or has no whole numbers, is refused in upstream's words`(body: String, message: String) {
    #expect(throws: Status.badRequest(message)) { try parse(body) }
  }

  @Test func `numbers in YAML count by their value`() throws {
    #expect(try parse("gracePeriodSeconds: 5.0", contentType: "application/yaml").gracePeriodSeconds == 5)
  }

  @Test func `preconditions stand flat in a query`() throws {
    let options = try parse("", "uid=u&resourceVersion=5")
    #expect(options.uid == "u" && options.resourceVersion == "5")
    let empty = try parse("", "uid=&resourceVersion=&preconditions.uid=x")
    #expect(empty.uid == nil && empty.resourceVersion == nil)
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
    #expect(
      Warnings.headers([#"unknown field "spec.x""#, "", #"unknown field "spec.x""#, "a\u{7}b"]) == [
        #"299 - "unknown field \"spec.x\"""#, #"299 - "ab""#,
      ])
  }

  @Test func `too much in total cuts each`() {
    let texts = (0..<10).map { String(repeating: "x", count: 1_000) + "\($0)" }
    let headers = Warnings.headers(texts)
    #expect(headers.count == 1 || headers.allSatisfy { $0.count <= 256 + 9 })
    #expect(headers.count == 10)
  }
}
