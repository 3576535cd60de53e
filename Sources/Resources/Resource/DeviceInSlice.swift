import JSON
import Machinery
import Registry

/// Rules for one device of a slice. (Kubernetes: `validateDevice` of pkg/apis/resource/validation)
enum DeviceInSlice {
  /// `old`: the device as it was. `isPlacedEach`: each device says on which nodes it is.
  static func check(old: JSONValue?, isPlacedEach: Bool, _ context: inout RuleContext) {
    guard let device = context.value else { return }
    let name = device["name"]?.string ?? ""
    for problem in NameValidation.dns1123Label(name) { context.report(.invalid(context.path("name"), name, problem)) }
    let attributes = sorted(device["attributes"])
    let capacities = sorted(device["capacity"])
    if attributes.count + capacities.count > 32 {
      let detail = "the total number of attributes and capacities must not exceed 32"
      context.report(.invalid(context.path(), bare: "\(attributes.count + capacities.count)", detail))
    }
    let values = attributes.reduce(0) { $0 + max(1, valueCount($1.value)) }
    if values > 48 {
      let detail = "the total number of attribute values must not exceed 48"
      context.report(.invalid(context.path(), bare: "\(values)", detail))
    }
    each(attributes, "attributes", &context, DeviceAttributeRules.check)
    let isShared = device["allowMultipleAllocations"]?.bool == true
    each(capacities, "capacity", &context) { DeviceCapacityRules.check(isShared: isShared, &$0) }
    if old == nil || !RuleContext.areSame(device["taints"], old?["taints"]) { taints(&context) }
    consumption(&context)
    ResourceSliceRules.checkPlace(isPlacedEach: isPlacedEach, &context)
    DeviceRules.checkBinding(&context)
  }

  private static func sorted(_ map: JSONValue?) -> [JSONObject.Member] {
    (map?.object?.members ?? []).sorted { $0.name < $1.name }
  }

  private static func valueCount(_ attribute: JSONValue) -> Int {
    ["ints", "bools", "strings", "versions"].reduce(0) { $0 + (attribute[$1]?.array?.count ?? 0) }
  }

  /// Keys are complained of at the map, values at their keys; long ones are shown by their ends. (`validateMap`)
  private static func each(
    _ entries: [JSONObject.Member], _ member: String, _ context: inout RuleContext, _ rule: Rule.Function
  ) {
    for entry in entries {
      context.look(at: .string(entry.name), member, DeviceNames.qualified)
      context.look(at: entry.value, member) { context in
        context.look(at: entry.value, .key(shortened(entry.name)), rule)
      }
    }
  }

  /// What fits is a domain and a name.
  private static func shortened(_ key: String) -> String {
    let most = 96
    let bytes = Array(key.utf8)
    if bytes.count <= most { return key }
    let rest = most - 3
    return String(decoding: bytes.prefix((rest + 1) / 2), as: UTF8.self) + "..."
      + String(decoding: bytes.suffix(rest / 2), as: UTF8.self)
  }

  private static func taints(_ context: inout RuleContext) {
    let taints = context.value?["taints"]?.array ?? []
    if taints.count > 16 {
      return context.report(.tooMany(context.path("taints"), count: taints.count, limit: 16))
    }
    for (place, taint) in taints.enumerated() {
      context.look(at: taint, "taints") { context in
        context.look(at: taint, .index(place), DeviceRules.checkTaint)
      }
    }
  }

  /// (`validateDeviceCounterConsumption`)
  private static func consumption(_ context: inout RuleContext) {
    let uses = context.value?["consumesCounters"]?.array ?? []
    if uses.count > 2 {
      return context.report(.tooMany(context.path("consumesCounters"), count: uses.count, limit: 2))
    }
    context.look(at: .array(uses), "consumesCounters") { context in
      for (place, use) in uses.enumerated() { context.look(at: use, .index(place), counterUse) }
      DeviceNames.complainOfRepeated(by: "counterSet", &context)
    }
  }

  private static let counterUse: Rule.Function = { context in
    let set = context.value?["counterSet"]?.string ?? ""
    if set.isEmpty { context.report(.required(context.path("counterSet"), "")) }
    for problem in set.isEmpty ? [] : NameValidation.dns1123Label(set) {
      context.report(.invalid(context.path("counterSet"), set, problem))
    }
    ResourceSliceRules.checkCounters(&context)
  }
}

/// Rules for what a device is like. (`validateDeviceAttribute`)
enum DeviceAttributeRules {
  static let check: Rule.Function = { context in
    guard let attribute = context.value else { return }
    func isSet(_ member: String) -> Bool { attribute[member].map { !$0.isNull } ?? false }
    if let text = attribute["string"]?.string { length(text, context.path("string"), &context) }
    if let text = attribute["version"]?.string { version(text, context.path("version"), &context) }
    for member in ["bools", "ints", "strings", "versions"] where isSet(member) {
      let list = attribute[member]?.array ?? []
      if list.isEmpty {
        context.report(.invalid(context.path(.member(member)), bare: "[]", "must not be empty if specified"))
      }
      for (place, value) in list.enumerated() {
        guard let text = value.string else { continue }
        let path = context.path(.member(member), .index(place))
        if member == "versions" { version(text, path, &context) } else { length(text, path, &context) }
      }
    }
    let count = ["int", "bool", "string", "version", "ints", "bools", "strings", "versions"].filter(isSet).count
    if count == 1 { return }
    let shown =
      count == 0 ? GoText.quoted("") : InternalForm.text(of: attribute, as: "io.k8s.api.resource.v1.DeviceAttribute")
    context.report(.invalid(context.path(), bare: shown, "exactly one value must be specified"))
  }

  private static func length(_ text: String, _ path: String, _ context: inout RuleContext) {
    if text.utf8.count > 64 { context.report(.tooLong(path, limit: 64)) }
  }

  private static func version(_ text: String, _ path: String, _ context: inout RuleContext) {
    if !SemanticVersion.isWellFormed(text) {
      context.report(.invalid(path, text, "must be a string compatible with semver.org spec 2.0.0"))
    }
    length(text, path, &context)
  }
}

/// `1.2.3-rc.1+build.7`
enum SemanticVersion {
  static func isWellFormed(_ text: String) -> Bool {
    let build = text.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    if build.count == 2, !parts(build[1]).allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isWord) }) { return false }
    let release = build[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    if release.count == 2, !parts(release[1]).allSatisfy(isRelease) { return false }
    let numbers = parts(release[0])
    return numbers.count == 3 && numbers.allSatisfy(isNumber)
  }

  private static func parts(_ text: String) -> [String] {
    text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
  }
  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
  private static func isWord(_ byte: UInt8) -> Bool {
    isDigit(byte) || byte == UInt8(ascii: "-") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }
  private static func isNumber(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy(isDigit) && (text == "0" || text.utf8.first != UInt8(ascii: "0"))
  }
  /// A number without zeros before it, or what is no number.
  private static func isRelease(_ text: String) -> Bool {
    isNumber(text) || text.utf8.allSatisfy(isWord) && !text.utf8.allSatisfy(isDigit)
  }
}
