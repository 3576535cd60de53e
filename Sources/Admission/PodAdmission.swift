import JSON
import Machinery
import Registry
import Schema

/// What plug-ins that look at pods have in common.
enum PodAdmission {
  static let pods = GroupResource(group: "", resource: "pods")

  /// Is a pod itself written, and no part of it?
  static func isPod(_ request: AdmissionRequest) -> Bool {
    request.resource == pods && request.subresource == .main && request.operation != .delete
  }

  private static let members: [String] = {
    let model = TypeModel.builtin
    return model.type("io.k8s.api.core.v1.PodSpec").map { model[$0].fields.map(\.name) } ?? []
  }()

  /// Sets a member of the pod's spec where the type has it; nil takes it away.
  static func set(_ name: String, _ value: JSONValue?, in request: inout AdmissionRequest) {
    guard var spec = request.new?["spec"]?.object?.members else { return }
    spec.removeAll { $0.name == name }
    if let value {
      let rank = members.firstIndex(of: name) ?? .max
      let place = spec.firstIndex { (members.firstIndex(of: $0.name) ?? .max) > rank } ?? spec.count
      spec.insert(JSONObject.Member(name, value), at: place)
    }
    request.new?["spec"] = .object(JSONObject(unchecked: spec))
  }
}
