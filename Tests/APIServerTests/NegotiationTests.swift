import Testing

@testable import APIServer

@Suite struct `Content negotiation` {
  @Test(
    arguments: [
      (nil, MediaType.json, Negotiated.Form.whole),
      ("", .json, .whole),
      ("*/*", .json, .whole),
      ("application/*", .json, .whole),
      ("application/json", .json, .whole),
      ("application/yaml", .yaml, .whole),
      ("application/vnd.kubernetes.protobuf,application/json", .protobuf, .whole),
      ("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json", .json, .whole),
      (
        "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json", .protobuf,
        .partialObject(version: "v1")
      ),
      ("text/html,*/*;q=0.1", .json, .whole),
      ("application/json;q=0.5,application/yaml", .yaml, .whole),
      ("application/json;as=Table;v=v1;g=meta.k8s.io", .json, .table(version: "v1")),
      ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", .json, .table(version: "v1beta1")),
      ("application/json;as=Table;v=v1alpha9;g=meta.k8s.io,application/json", .json, .whole),
      ("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", .json, .partialObject(version: "v1")),
      ("application/yaml;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", .yaml, .partialObjectList(version: "v1")),
      ("application/json;stream=watch", .json, .whole),
    ] as [(String?, MediaType, Negotiated.Form)])
  func `the first clause that can be served decides`(accept: String?, media: MediaType, form: Negotiated.Form) {
    #expect(Negotiation.negotiate(accept: accept, .ofObjects) == Negotiated(media: media, form: form))
  }

  @Test(arguments: [
    "text/html", "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io",
    "application/json;as=Table;v=v1;g=other", "application/json;stream=other",
  ])
  func `nothing is chosen where nothing fits`(accept: String) {
    #expect(Negotiation.negotiate(accept: accept, .ofObjects) == nil)
  }

  @Test(
    arguments: [
      (nil, nil), ("application/json", nil), ("*/*", nil),
      (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
        .json
      ),
      ("application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json", nil),
      (
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        .json
      ),
      (
        "application/vnd.kubernetes.protobuf,application/yaml;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        .yaml
      ),
      ("application/json,application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", .json),
      ("application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", .protobuf),
      ("application/*;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList;profile=nopeer;stream=watch", .json),
      ("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList;sv=v1", nil),
      ("application/json;g=apidiscovery.k8s.io;v=v2;as=Other", nil),
    ] as [(String?, MediaType?)])
  func `aggregated discovery is given where a clause asks for it, whatever stands before it`(
    accept: String?, media: MediaType?
  ) {
    #expect(Negotiation.aggregatedDiscovery(accept: accept)?.media == media)
  }

  @Test func `what is equivalent to a semicolon is none`() {
    #expect(Negotiation.input(contentType: "application/json;a=b") == .json)
    #expect(Negotiation.input(contentType: "application/json\u{37E}a=b") == nil)
    #expect(Negotiation.input(contentType: "application/json;\u{301}a=b") == .json)
    #expect(!Negotiation.routeProduces(MediaType.all, accept: "application/json\u{37E}q=1"))
    #expect(Negotiation.routeProduces(MediaType.all, accept: "application/json;\u{301}q=1"))
  }

  @Test func `a Status is never a Table`() {
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    #expect(Negotiation.negotiate(accept: accept, .none) == nil)
    #expect(Negotiation.negotiate(accept: accept + ",application/json", .none) == Negotiated())
  }

  @Test(
    arguments: [
      (nil, true), ("*/*", true), ("application/json; charset=utf-8", true), ("text/html, application/yaml", true),
      ("application/*", false), ("text/html", false),
    ] as [(String?, Bool)])
  func `the router compares whole names`(accept: String?, isServed: Bool) {
    #expect(Negotiation.routeProduces(MediaType.all, accept: accept) == isServed)
  }

  @Test(
    arguments: [
      (nil, MediaType.json), ("application/json", .json), ("application/json; charset=utf-8", .json),
      ("application/yaml", .yaml), ("text/plain", nil),
    ] as [(String?, MediaType?)])
  func `bodies are named by their content type`(contentType: String?, media: MediaType?) {
    #expect(Negotiation.input(contentType: contentType) == media)
  }

  @Test(
    arguments: [
      ("", "kubectl/v1", false), ("pretty=true", nil, true), ("pretty=1", nil, true), ("pretty=yes", "curl/8", false),
      ("pretty=", "curl/8", true),
      ("", "curl/8.1", true), ("", "Wget/1.2", true), ("", "Mozilla/5.0 (X11)", true),
      ("pretty=false", "curl/8", false),
    ] as [(String, String?, Bool)])
  func `people get indented answers`(query: String, agent: String?, isPretty: Bool) {
    #expect(Negotiation.isPretty(query: Query(query), userAgent: agent) == isPretty)
  }
}

@Suite struct `Query strings` {
  @Test func `names and values are decoded as Go does`() {
    let query = Query("a=1&b=x%20y+z&&c&a=2&bad=%zz&semi;colon=1&d%3D=%26")
    #expect(query["a"] == "1")
    #expect(query.all("a") == ["1", "2"])
    #expect(query["b"] == "x y z")
    #expect(query["c"] == "")
    #expect(query["d="] == "&")
    #expect(!query.has("bad") && !query.has("semi"))
    #expect(Query("").isEmpty)
  }
}
