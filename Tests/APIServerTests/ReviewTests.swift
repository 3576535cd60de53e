import Access
import JSON
import Testing

@testable import APIServer

/// Reviews over plain HTTP, where everybody is `system:unsecured` and may do everything.
@Suite struct `Reviews` {
  private static let authorization = "/apis/authorization.k8s.io/v1"

  private static func post(_ server: TestServer, _ path: String, _ body: String) throws -> (code: Int, body: JSONValue)
  {
    let answer = try server.call("POST", path, body, headers: ["Content-Type": "application/json"])
    return (answer.code, try answer.json())
  }

  @Test func `a review is answered with 201, with the namespace of the request and the owners of its fields`()
    async throws
  {
    try await TestServer.with { server in
      let path = "\(Self.authorization)/namespaces/here/localsubjectaccessreviews"
      let (code, body) = try Self.post(
        server, path,
        #"{"spec":{"user":"joe","resourceAttributes":{"verb":"get","resource":"pods","namespace":"here"}},"status":{"allowed":false,"reason":"mine"}}"#
      )
      #expect(code == 201)
      #expect(body["metadata"]?["namespace"]?.string == "here")
      #expect(body["metadata"]?["managedFields"]?.array?.first?["fieldsV1"]?["f:spec"]?["f:user"] != nil)
      #expect(body["status"] == ["allowed": true])
    }
  }

  @Test func `who asks over plain HTTP is told so`() async throws {
    try await TestServer.with { server in
      let (code, body) = try Self.post(server, "/apis/authentication.k8s.io/v1/selfsubjectreviews", "{}")
      #expect(code == 201)
      #expect(
        body["status"]?["userInfo"] == [
          "username": "system:unsecured", "groups": ["system:masters", "system:authenticated"],
        ])
      #expect(body["metadata"]?["creationTimestamp"]?.string != nil)
      #expect(body["metadata"]?["managedFields"] == nil)
    }
  }

  /// (authorization `validation.go`.)
  @Test(arguments: [
    (
      "subjectaccessreviews", #"{"spec":{}}"#,
      [
        "spec.resourceAttributes: Invalid value: null: exactly one of",
        #"spec.user: Invalid value: "": at least one of user or group must be specified"#,
      ]
    ),
    (
      "selfsubjectaccessreviews", #"{"spec":{}}"#,
      [
        "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"
      ]
    ),
    (
      "selfsubjectaccessreviews",
      #"{"spec":{"resourceAttributes":{},"nonResourceAttributes":{"path":"/p","verb":"get"}}}"#,
      [
        #"spec.nonResourceAttributes: Invalid value: {"Path":"/p","Verb":"get"}: cannot be specified in combination with resourceAttributes"#
      ]
    ),
    (
      "selfsubjectaccessreviews", #"{"metadata":{"name":"x"},"spec":{"resourceAttributes":{}}}"#,
      [#"metadata: Invalid value: {"name":"x""#, "must be empty"]
    ),
    (
      "selfsubjectaccessreviews", #"{"spec":{"resourceAttributes":{"fieldSelector":{}}}}"#,
      [
        "spec.resourceAttributes.fieldSelector.requirements: Required value: when spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required"
      ]
    ),
    (
      "selfsubjectaccessreviews",
      #"{"spec":{"resourceAttributes":{"labelSelector":{"rawSelector":"a","requirements":[{"key":"","operator":"In"}]}}}}"#,
      [
        #"labelSelector.rawSelector: Invalid value: "a": may not specified at the same time as requirements"#,
        "labelSelector.requirements[0].values: Required value",
        #"labelSelector.requirements[0].key: Invalid value: "": name part must be non-empty"#,
      ]
    ),
    (
      "namespaces/here/localsubjectaccessreviews", #"{"spec":{"user":"u","resourceAttributes":{"namespace":"there"}}}"#,
      [#"spec.resourceAttributes.namespace: Invalid value: "there": must match metadata.namespace"#]
    ),
    (
      "namespaces/here/localsubjectaccessreviews", #"{"spec":{"user":"u","nonResourceAttributes":{"path":"/"}}}"#,
      ["spec.nonResourceAttributes: Invalid value:", "disallowed on this kind of request"]
    ),
  ])
  func `a question that is none is refused in kube-apiserver's words`(
    resource: String, body: String, texts: [String]
  ) async throws {
    try await TestServer.with { server in
      let (code, status) = try Self.post(server, "\(Self.authorization)/\(resource)", body)
      #expect(code == 422)
      let message = status["message"]?.string ?? ""
      #expect(message.hasPrefix(#".authorization.k8s.io "" is invalid: "#))
      for text in texts { #expect(message.contains(text), "\(message)") }
    }
  }

  /// Kinds that upstream has in older versions too.
  @Test(
    arguments: [
      (
        "authentication.k8s.io/v1", "selfsubjectreviews", "SelfSubjectReview", ["v1alpha1", "v1beta1", "__internal"],
        ["v1beta2"]
      ),
      ("authentication.k8s.io/v1", "tokenreviews", "TokenReview", ["v1beta1"], ["v1alpha1"]),
      ("authorization.k8s.io/v1", "subjectaccessreviews", "SubjectAccessReview", ["v1beta1"], ["v1alpha1", "v2"]),
      ("authorization.k8s.io/v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", ["v1beta1"], []),
      (
        "authorization.k8s.io/v1", "namespaces/n/localsubjectaccessreviews", "LocalSubjectAccessReview", ["v1beta1"], []
      ),
      ("authorization.k8s.io/v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", ["v1beta1"], []),
    ] as [(String, String, String, [String], [String])])
  func `another version of the kind is named, one that there never was is not registered`(
    version: String, resource: String, kind: String, known: [String], unknown: [String]
  ) async throws {
    try await TestServer.with { server in
      let group = version.dropLast("v1".count)
      func post(_ given: String, _ rest: String = "") throws -> (code: Int, message: String?) {
        let (code, body) = try Self.post(
          server, "/apis/\(version)/\(resource)", #"{"apiVersion":"\#(given)","kind":"\#(kind)"\#(rest)}"#)
        return (code, body["message"]?.string)
      }
      for other in known {
        let (code, message) = try post("\(group)\(other)")
        #expect(
          code == 400
            && message
              == "the API version in the data (\(group)\(other)) does not match the expected API version (\(version))"
        )
        // The body is read before, and what it has too much is told.
        let odd = try server.call(
          "POST", "/apis/\(version)/\(resource)", #"{"apiVersion":"\#(group)\#(other)","kind":"\#(kind)","bogus":1}"#,
          headers: ["Content-Type": "application/json"])
        #expect(odd.code == 400 && odd.header("Warning") == #"299 - "unknown field \"bogus\"""#)
        #expect(
          try post("\(group)\(other)", #","metadata":5"#).message?.contains(
            "json: cannot unmarshal number into Go struct field") == true)
      }
      for other in unknown {
        let (code, message) = try post("\(group)\(other)")
        #expect(
          code == 400
            && message?.contains(#"no kind "\#(kind)" is registered for version "\#(group)\#(other)""#) == true)
      }
      #expect(
        try post(String(group)).message?.contains("does not match") != true,
        "a group without a version is the expected version")
    }
  }

  @Test func `a selector that can't be read is left out, and the answer says so`() async throws {
    try await TestServer.with { server in
      let (code, body) = try Self.post(
        server, "\(Self.authorization)/selfsubjectaccessreviews",
        #"{"spec":{"resourceAttributes":{"verb":"list","resource":"nodes","fieldSelector":{"rawSelector":"a=b,c"}}}}"#)
      #expect(code == 201)
      #expect(
        body["status"] == [
          "allowed": true, "evaluationError": "spec.resourceAttributes.fieldSelector ignored due to parse error",
        ])
    }
  }

  @Test(arguments: [
    ("labelSelector", #"{"key":"a","operator":"Bogus","values":["b"]}"#, "labelSelector ignored"),
    ("labelSelector", #"{"key":"a"}"#, "labelSelector ignored"),
    (
      "labelSelector", #"{"key":"a","operator":"Bogus"},{"key":"b","operator":"Exists"}"#,
      "labelSelector partially ignored"
    ),
    ("labelSelector", #"{"key":"a","operator":"NotIn","values":["x","y"]}"#, nil),
    ("fieldSelector", #"{"key":"a","operator":"Bogus"}"#, "fieldSelector ignored"),
    ("fieldSelector", #"{"key":"a","operator":"Exists"}"#, "fieldSelector ignored"),
    ("fieldSelector", #"{"key":"a","operator":"In","values":["x","y"]}"#, "fieldSelector ignored"),
    (
      "fieldSelector", #"{"key":"a","operator":"In","values":["x"]},{"key":"b","operator":"DoesNotExist"}"#,
      "fieldSelector partially ignored"
    ),
    (
      "fieldSelector", #"{"key":"a","operator":"In","values":["x"]},{"key":"b","operator":"NotIn","values":["x"]}"#, nil
    ),
  ])
  func `requirements that nobody could go by are left out, in each review, and the answer says so`(
    member: String, requirements: String, fault: String?
  ) async throws {
    try await TestServer.with { server in
      for (resource, user) in [
        ("subjectaccessreviews", #""user":"u","#), ("selfsubjectaccessreviews", ""),
        ("namespaces/n/localsubjectaccessreviews", #""user":"u","#),
      ] {
        let attributes =
          #""verb":"list","resource":"nodes","namespace":"n","\#(member)":{"requirements":[\#(requirements)]}"#
        let (code, body) = try Self.post(
          server, "\(Self.authorization)/\(resource)", "{\"spec\":{\(user)\"resourceAttributes\":{\(attributes)}}}")
        #expect(code == 201)
        #expect(
          body["status"]?["evaluationError"]?.string
            == fault.map { "spec.resourceAttributes.\($0) due to parse error" }, "\(resource)")
      }
    }
  }

  @Test func `labels that are none are refused in a review's selector`() async throws {
    try await TestServer.with { server in
      let selector = #"{"requirements":[{"key":"a b","operator":"In","values":["-"]}]}"#
      let (code, body) = try Self.post(
        server, "\(Self.authorization)/selfsubjectaccessreviews",
        #"{"spec":{"resourceAttributes":{"labelSelector":\#(selector)}}}"#)
      #expect(code == 422)
      let message = body["message"]?.string ?? ""
      for part in [
        "key: Invalid value: \"a b\": name part must consist", "values[0]: Invalid value: \"-\": a valid label must be",
      ] {
        #expect(message.contains("spec.resourceAttributes.labelSelector.requirements[0].\(part)"), "\(message)")
      }
    }
  }

  @Test func `rules and tokens need to be asked for`() async throws {
    try await TestServer.with { server in
      let rules = try Self.post(server, "\(Self.authorization)/selfsubjectrulesreviews", "{}")
      #expect(rules.code == 400 && rules.body["message"]?.string == "no namespace on request")
      let all = try Self.post(server, "\(Self.authorization)/selfsubjectrulesreviews", #"{"spec":{"namespace":"n"}}"#)
      #expect(
        all.body["status"] == [
          "resourceRules": [["verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]]],
          "nonResourceRules": [["verbs": ["*"], "nonResourceURLs": ["*"]]], "incomplete": false,
        ])
      let token = try Self.post(server, "/apis/authentication.k8s.io/v1/tokenreviews", "{}")
      #expect(
        token.code == 400 && token.body["message"]?.string == "token is required for TokenReview in authentication")
    }
  }

  @Test func `a token is meant for those names of this API that are asked for`() async throws {
    func answer(_ asked: [JSONValue], _ audiences: [String]) async throws -> JSONValue? {
      let tokens = AuthenticatorChain([try TokenFile(csv: "t,u,1")], anonymous: .denied)
      let object: JSONValue = ["spec": ["token": "t", "audiences": .array(asked)]]
      return try await IdentityReview.answer(token: object, by: tokens, TokenAudiences(own: audiences) { _ in nil })[
        "status"]
    }
    let names = ["a", "b"]
    #expect(try await answer([], names)?["audiences"] == ["a", "b"])
    #expect(try await answer(["b", "c"], names)?["audiences"] == ["b"])
    #expect(try await answer(["c"], names) == ["user": [:], "error": "invalid bearer token"])
    let plain = try await answer([], [])
    #expect(plain?["authenticated"] == true && plain?["audiences"] == nil)
  }

  @Test func `a review can be made, and nothing else: no name, no list, no watch, no other body`() async throws {
    try await TestServer.with { server in
      let path = "\(Self.authorization)/subjectaccessreviews"
      #expect(try server.call("GET", path).code == 405)
      #expect(try server.call("DELETE", path).code == 405)
      #expect(try server.call("GET", path + "/x").code == 404)
      #expect(try server.call("GET", "\(Self.authorization)/watch/subjectaccessreviews").code == 404)
      // What is in a namespace and can't be listed has no path across them.
      #expect(try Self.post(server, "\(Self.authorization)/localsubjectaccessreviews", "{}").code == 404)
      #expect(try Self.post(server, path, #"{"kind":"Node","apiVersion":"v1"}"#).code == 400)
      let strict = try Self.post(
        server, path + "?fieldValidation=Strict", #"{"spec":{"user":"u","colour":1,"resourceAttributes":{}}}"#)
      #expect(strict.code == 400 && strict.body["message"]?.string?.contains(#"unknown field "spec.colour""#) == true)
    }
  }
}
