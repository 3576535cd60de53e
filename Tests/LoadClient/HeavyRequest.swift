/// Requests that ask for as much work as a client can ask for with one. Each is answered in a few seconds, and others
/// are answered meanwhile.
public enum HeavyRequest: String, CaseIterable, Sendable {
  case moves = "9,999 moves within a list"
  case deepCopies = "copies of copies into themselves"
  case owners = "many owner references"
  case controllers = "many owner references that all say to be the controller"
  case addresses = "many addresses"
  case smallChange = "a small change of an object that is as large as it may be"
  case conditions = "many conditions by strategic merge"
  case appliedConditions = "many conditions by apply"
  case managers = "many managers with one field each"
  case unsortedFields = "managed fields out of order"
  case labels = "many labels"
  case finalizers = "many finalizers"
  case badTaints = "many taints that are all wrong"
  case repeatedMaps = "a map of many that is given again and again"
  case labelTerms = "a label selector of many terms"
  case labelValues = "a label selector of many values"
  case fieldTerms = "a field selector of many terms"
  case watchedTerms = "a watch with a selector of many terms"
  case deletedTerms = "a removal with a selector of many terms"
  case reviewedTerms = "a review of a selector of many terms"
  case parameters = "a query of many parameters"
  case accepts = "an Accept header of many clauses"
  case yaml = "a large object as YAML"
  case table = "a large object, indented, as a Table"

  private typealias Parts = (method: String, path: String, type: String, body: String, headers: String)

  /// The statuses of which one is right.
  public var rightStatuses: Set<Int> {
    switch self {
    case .moves: [413]
    case .deepCopies, .controllers, .badTaints: [422]
    case .repeatedMaps, .parameters: [400]
    case .owners: [201, 413]
    case .reviewedTerms: [201]
    case .accepts: [200, 406]
    // The storage has a limit of its own.
    case .appliedConditions: [200, 201, 409, 413]
    case .addresses, .smallChange, .conditions, .managers, .unsortedFields, .labels, .finalizers: [200, 409, 413]
    case .labelTerms, .labelValues, .fieldTerms, .watchedTerms, .deletedTerms, .yaml, .table: [200]
    }
  }

  private func list(_ count: Int, _ separator: String = ",", _ item: (Int) -> String) -> String {
    (0..<count).map(item).joined(separator: separator)
  }

  /// The bytes of one request. `scale`: 1 for as much as a request can hold. `number` makes names differ; the node
  /// `big-NUMBER` must be there.
  public func bytes(scale: Double, number: Int) -> [UInt8] {
    func many(_ count: Int) -> Int { max(1, Int(Double(count) * scale)) }
    let node = "/api/v1/nodes/big-\(number)"
    let json = "application/json"
    let merge = "application/merge-patch+json"
    let strategic = "application/strategic-merge-patch+json"
    let parts: Parts
    switch self {
    case .moves:
      let last = many(700_000) - 1
      let moves = list(9_999) { _ in #"{"op":"move","from":"/status/list/0","path":"/status/list/\#(last)"}"# }
      parts = (
        "PATCH", node, "application/json-patch+json",
        #"[{"op":"add","path":"/status","value":{"list":[\#(list(last + 1) { _ in "0" })]}},\#(moves)]"#, ""
      )
    case .deepCopies:
      let copies = list(17) { #"{"op":"copy","from":"/x","path":"/x\#(String(repeating: "/a", count: 1 << $0))"}"# }
      parts = (
        "PATCH", node, "application/json-patch+json", #"[{"op":"add","path":"/x","value":{"a":0}},\#(copies)]"#, ""
      )
    case .owners, .controllers:
      let extra = self == .controllers ? #","controller":true"# : ""
      let owners = list(many(10_000)) { #"{"apiVersion":"v1","kind":"Pod","name":"p\#($0)","uid":"u\#($0)"\#(extra)}"# }
      parts = (
        "POST", "/api/v1/nodes?dryRun=All", json,
        #"{"kind":"Node","apiVersion":"v1","metadata":{"generateName":"x","ownerReferences":[\#(owners)]}}"#, ""
      )
    case .addresses:
      parts = (
        "PATCH", node + "/status", merge,
        #"{"status":{"addresses":[\#(list(many(10_000)) { #"{"type":"InternalIP","address":"a\#($0)"}"# })]}}"#, ""
      )
    case .smallChange: parts = ("PATCH", node, merge, #"{"metadata":{"annotations":{"a":"\#(number)"}}}"#, "")
    case .conditions:
      parts = (
        "PATCH", node + "/status", strategic,
        #"{"status":{"conditions":[\#(list(many(40_000)) { #"{"type":"t\#($0)","status":"True"}"# })]}}"#, ""
      )
    case .appliedConditions:
      let conditions = list(many(40_000)) { #"{"type":"t\#($0)","status":"True"}"# }
      parts = (
        "PATCH", node + "/status?fieldManager=m\(number)&force=true", "application/apply-patch+yaml",
        #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"big-\#(number)"},"status":{"conditions":[\#(conditions)]}}"#,
        ""
      )
    case .managers:
      let entries = list(many(12_000)) { place in
        let head =
          #"{"manager":"m\#(place)","operation":"\#(place % 2 == 0 ? "Update" : "Apply")","apiVersion":"v1","fieldsType":"FieldsV1","time":"2026-01-02T03:04:05Z""#
        return head + #","fieldsV1":{"f:metadata":{"f:labels":{"f:k\#(place)":{}}}}}"#
      }
      let labels = list(many(12_000)) { #""k\#($0)":"v""# }
      parts = ("PATCH", node, merge, #"{"metadata":{"labels":{\#(labels)},"managedFields":[\#(entries)]}}"#, "")
    case .unsortedFields:
      let fields = list(many(100_000)) { #""f:m\#(999_999 - $0)":{}"# }
      parts = (
        "PATCH", node, merge,
        #"{"metadata":{"managedFields":[{"manager":"m","operation":"Apply","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{\#(fields)}}}}]}}"#,
        ""
      )
    case .labels:
      parts = (
        "PATCH", node, merge,
        #"{"metadata":{"labels":{\#(list(many(100_000)) { #""l\#(($0 * 7_919) % 100_003)":"v""# })}}}"#, ""
      )
    case .finalizers:
      parts = (
        "PATCH", node + "?dryRun=All", merge,
        #"{"metadata":{"finalizers":[\#(list(many(100_000)) { #""example.com/f\#($0)""# })]}}"#, ""
      )
    case .badTaints:
      parts = (
        "PATCH", node, merge, #"{"spec":{"taints":[\#(list(many(100_000)) { _ in #"{"key":"-","effect":"x"}"# })]}}"#,
        ""
      )
    case .repeatedMaps:
      let labels = list(many(60_000)) { #""k\#($0)":"v""# }
      parts = (
        "POST", "/api/v1/nodes", json,
        #"{"kind":"Node","metadata":{"name":"x","labels":{\#(labels)}\#(String(repeating: #","labels":{"k":"v"}"#, count: many(90_000)))}}"#,
        ""
      )
    case .labelTerms: parts = ("GET", "/api/v1/nodes?labelSelector=" + list(many(60_000)) { "k\($0)!=a" }, json, "", "")
    case .labelValues:
      parts = ("GET", "/api/v1/nodes?labelSelector=zone+notin+(" + list(many(100_000)) { "a\($0)" } + ")", json, "", "")
    case .fieldTerms:
      parts = ("GET", "/api/v1/nodes?fieldSelector=" + list(many(30_000)) { "metadata.name!=a\($0)" }, json, "", "")
    case .watchedTerms:
      parts = (
        "GET", "/api/v1/nodes?watch=true&timeoutSeconds=1&labelSelector=" + list(many(60_000)) { "k\($0)!=a" }, json,
        "", ""
      )
    case .deletedTerms:
      parts = (
        "DELETE", "/api/v1/nodes?dryRun=All&labelSelector=no=one," + list(many(60_000)) { "k\($0)!=a" }, json, "", ""
      )
    case .reviewedTerms:
      let raw = list(many(200_000)) { "k\($0)!=a" }
      parts = (
        "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json,
        #"{"spec":{"resourceAttributes":{"verb":"list","resource":"nodes","labelSelector":{"rawSelector":"\#(raw)"}}}}"#,
        ""
      )
    case .parameters:
      parts = (
        "GET", "/api/v1/nodes?limit=1" + String(repeating: "&a=b", count: max(20_000, many(200_000))), json, "", ""
      )
    case .accepts:
      parts = (
        "GET", "/api/v1/nodes?limit=1", json, "",
        "Accept: \(list(many(90_000)) { "a/b;q=0.\($0)" }),application/json\r\n"
      )
    case .yaml: parts = ("GET", node, json, "", "Accept: application/yaml\r\n")
    case .table:
      parts = (
        "GET", node + "?pretty=true&includeObject=Object", json, "",
        "Accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n"
      )
    }
    let head =
      "\(parts.method) \(parts.path) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: \(parts.type)\r\n\(parts.headers)Content-Length: \(parts.body.utf8.count)\r\n\r\n"
    return Array(head.utf8) + Array(parts.body.utf8)
  }
}
