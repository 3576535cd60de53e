import ByteBuffers
import JSON
import Machinery
import Registry
import Schema
import Webhooks

/// Asks a webhook for objects in another version. (apiextensions-apiserver: `conversion/webhook_converter.go`)
final class ConversionWebhook: ObjectConversion {
  private let hook: HookClient
  /// Of the review that is sent: the first of those that the webhook knows which is known here, too.
  private let reviewVersion: String?
  private let kind: String

  private static let timeout: Duration = .seconds(30)
  private static let known = ["v1", "v1beta1"]
  private static let scheme = "k8s.io/apiserver/pkg/util/webhook/client.go:71"

  /// nil where a definition names no webhook.
  init?(_ definition: JSONValue, resolve: @escaping HookClient.Resolver) {
    let conversion = definition["spec"]?["conversion"]
    guard conversion?["strategy"]?.string == "Webhook", let webhook = conversion?["webhook"],
      let config = webhook["clientConfig"]
    else { return nil }
    let place: HookClient.Place
    if let url = config["url"]?.string {
      place = .url(url)
    } else {
      let service = config["service"]
      place = .service(
        namespace: service?["namespace"]?.string ?? "", name: service?["name"]?.string ?? "",
        port: service?["port"]?.int ?? 443, path: service?["path"]?.string ?? "")
    }
    var bundle: [UInt8] = []
    if var text = config["caBundle"]?.string {
      bundle = text.withUTF8 { Base64.decode(UnsafeRawBufferPointer($0)) }.map { ByteSlice($0).array } ?? []
    }
    let isBlank = bundle.allSatisfy { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
    hook = HookClient(place, caBundle: isBlank ? [] : bundle, resolve: resolve)
    let versions = (webhook["conversionReviewVersions"]?.array ?? []).compactMap(\.string)
    reviewVersion = versions.first { Self.known.contains($0) }
    kind = definition["spec"]?["names"]?["kind"]?.string ?? ""
  }

  /// Nobody asks any more.
  func shutDown() async { await hook.shutDown() }

  func convert(
    _ objects: [JSONValue], from: GroupVersion, to: GroupVersion
  ) async throws(Status) -> [JSONValue] {
    if objects.isEmpty { return [] }
    let lead = "conversion webhook for \(from), Kind=\(kind)"
    guard let reviewVersion else { throw .plain(500, "no supported conversion review versions") }
    let uid = Identity.uid()
    let review: JSONValue = [
      "kind": "ConversionReview", "apiVersion": .string("apiextensions.k8s.io/\(reviewVersion)"),
      "request": [
        "uid": .string(uid), "desiredAPIVersion": .string(to.description), "objects": .array(objects),
      ],
      "response": ["uid": "", "convertedObjects": .null, "result": ["metadata": [:]]],
    ]
    let converted: [JSONValue]
    do throws(HookClient.Failure) {
      let answer = try await hook.post(review.encoded(), timeout: Self.timeout)
      converted = try Self.converted(answer, uid: uid, reviewVersion)
    } catch { throw .plain(500, "\(lead) failed: \(error)") }
    guard converted.count == objects.count else {
      throw .plain(500, "\(lead) returned \(converted.count) objects, expected \(objects.count)")
    }
    var mended: [JSONValue] = []
    for (place, pair) in zip(objects, converted).enumerated() {
      do throws(HookClient.Failure) {
        try Self.check(pair.0, pair.1, to, place: place)
        mended.append(try Self.restored(pair.0, pair.1))
      } catch { throw .plain(500, "\(lead) returned \(error)") }
    }
    return mended
  }

  /// The objects of an answer.
  private static func converted(
    _ answer: (status: Int, body: SharedBytes), uid: String, _ reviewVersion: String
  ) throws(HookClient.Failure) -> [JSONValue] {
    let text = ByteSlice(answer.body)
    guard (200..<300).contains(answer.status) else {
      throw HookClient.Failure(Self.refusal(answer.status, text.text))
    }
    if text.count == 0 {
      throw HookClient.Failure(
        "0-length response with status code: \(answer.status) and content type: application/json")
    }
    let tape: JSONTape
    do { tape = try JSONTape.parse(text) } catch {
      // It may be YAML.
      var duplicates: [String] = []
      guard let value = try? JSONValue(yaml: text, duplicates: &duplicates),
        let again = try? JSONTape.parse(value.encoded())
      else { throw HookClient.Failure("couldn't get version/kind; json parse error: \(error)") }
      tape = again
    }
    let type: TypeMembers
    do { type = try TypeMembers(tape.root) } catch { throw HookClient.Failure(error.description) }
    if type.kind.isEmpty { throw HookClient.Failure("Object 'Kind' is missing in '\(text.text)'") }
    if type.groupVersion.version.isEmpty { throw HookClient.Failure(TypeMembers.missingVersion(text.text)) }
    guard type.groupVersion.group == "apiextensions.k8s.io", known.contains(type.groupVersion.version),
      type.kind == "ConversionReview"
    else { throw HookClient.Failure(type.notRegistered(in: scheme)) }
    let response = tape.root["response"].map { JSONValue($0) } ?? .null
    if response.isNull { throw HookClient.Failure("no response provided") }
    let given = response["uid"]?.string ?? ""
    if reviewVersion == "v1", given != uid {
      throw HookClient.Failure("expected response.uid=\(GoText.quoted(uid)), got \(GoText.quoted(given))")
    }
    let status = response["result"]?["status"]?.string ?? ""
    guard status == "Success" else {
      let message = response["result"]?["message"]?.string ?? ""
      throw HookClient.Failure(
        message.isEmpty ? "response.result.status was '\(status)', not 'Success'" : message)
    }
    return response["convertedObjects"]?.array ?? []
  }

  /// What client-go makes of an answer that is no success.
  private static func refusal(_ status: Int, _ text: String) -> String {
    switch status {
    case 404: "the server could not find the requested resource"
    case 401: "the server has asked for the client to provide credentials"
    case 403: text.isEmpty ? "forbidden" : text
    case 500...:
      "an error on the server (\(GoText.quoted(text.isEmpty ? "unknown" : text))) has prevented the request from succeeding"
    default: "the server rejected our request for an unknown reason"
    }
  }

  /// (`Convert` and `validateConvertedObject`)
  private static func check(
    _ object: JSONValue, _ converted: JSONValue, _ version: GroupVersion, place: Int
  ) throws(HookClient.Failure) {
    let given = GroupVersion(parsing: converted["apiVersion"]?.string ?? "")
    if given != version {
      throw HookClient.Failure(
        "invalid object at index \(place): invalid groupVersion (expected \(version), received \(given))")
    }
    func text(_ object: JSONValue, _ member: String) -> String { object["metadata"]?[member]?.string ?? "" }
    let (kind, other) = (object["kind"]?.string ?? "", converted["kind"]?.string ?? "")
    if kind != other {
      throw HookClient.Failure(
        "invalid object at index \(place): invalid kind (expected \(kind), received \(other))")
    }
    for (member, shown) in [("name", "name"), ("namespace", "namespace"), ("uid", "UID")]
    where text(object, member) != text(converted, member) {
      throw HookClient.Failure(
        "invalid object: must have the same \(shown): \(text(object, member)) != \(text(converted, member))")
    }
  }

  /// Of metadata only labels and annotations may change. (`restoreObjectMeta`)
  private static func restored(_ object: JSONValue, _ converted: JSONValue) throws(HookClient.Failure) -> JSONValue {
    guard let given = converted["metadata"] else {
      throw HookClient.Failure("invalid metadata: missing metadata in converted object")
    }
    guard given.object != nil else {
      throw HookClient.Failure("invalid metadata: invalid metadata of type \(GoText.type(given)) in converted object")
    }
    var metadata = object["metadata"] ?? [:]
    for member in ["labels", "annotations"] {
      guard let field = given[member], !field.isNull else {
        metadata[member] = nil
        continue
      }
      guard let members = field.object?.members else {
        throw HookClient.Failure(
          "invalid metadata: invalid metadata.\(member) of type \(GoText.type(field)) in converted object")
      }
      for one in members where one.value.string == nil {
        throw HookClient.Failure(
          "invalid metadata: metadata.\(member)[\(one.name)] must be a string, but is \(GoText.type(one.value)) in converted object"
        )
      }
      metadata[member] = field
    }
    let isChanged = ["labels", "annotations"].contains { metadata[$0] != object["metadata"]?[$0] }
    if isChanged {
      let named = JSONObject(unchecked: [
        JSONObject.Member("name", "x"), JSONObject.Member("labels", metadata["labels"] ?? [:]),
        JSONObject.Member("annotations", metadata["annotations"] ?? [:]),
      ])
      let errors = MetaValidation.validate(named, isNamespaced: false) { _, _ in [] }
      if !errors.isEmpty {
        let texts = errors.map { "\($0)" }
        throw HookClient.Failure(
          "invalid metadata: " + (texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"))
      }
    }
    var restored = converted
    restored["metadata"] = metadata
    return restored
  }
}
