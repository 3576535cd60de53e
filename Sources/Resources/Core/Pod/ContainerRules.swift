import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for containers of every kind. (Kubernetes: pkg/apis/core/validation, `validateContainers`,
/// `validateInitContainers`, `validateEphemeralContainers`)
enum ContainerRules {
  static let containers: [Rule] = [
    .custom { $0.pod.names = [] },
    .required,
    .each(
      common + [
        .custom(nameIsNew),
        .at("lifecycle", ProbeRules.lifecycle),
        .at("livenessProbe", ProbeRules.liveness),
        .at("readinessProbe", ProbeRules.readiness),
        .at("startupProbe", ProbeRules.startup),
        .custom(restartPolicy),
      ]),
    .custom { context in
      var seen = Set<ByteString>()
      for (place, container) in (context.value?.array ?? []).enumerated() {
        hostPorts(container, place, &seen, &context)
      }
    },
  ]

  static let initContainers: [Rule] = [
    .custom { context in context.pod.names = Set(names(of: context.pod.spec, "containers")) },
    .each(
      common + [
        .custom(initRestartPolicy),
        .custom(initNameIsNew),
      ]
        + initHandlers),
    .custom { context in
      // Upstream looks at each by itself, as if it were the first.
      for container in context.value?.array ?? [] {
        var seen = Set<ByteString>()
        hostPorts(container, 0, &seen, &context)
      }
    },
  ]

  static let ephemeralContainers: [Rule] = [
    .custom { context in
      let spec = context.pod.spec
      context.pod.names = Set(names(of: spec, "containers") + names(of: spec, "initContainers"))
    },
    .each(
      common + [
        .at("image", .custom(trimmed)),
        .custom(nameIsNew),
        .custom(ephemeral),
      ]),
  ]

  /// What is asked of each. (`validateContainerCommon`)
  private static let common: [Rule] = [
    .at("name", .required, .format(.dns1123Label)),
    .at("image", .required),
    .at("terminationMessagePolicy", .required, .oneOf("File", "FallbackToLogsOnError")),
    .at("ports", .custom(ContainerPortRules.check)),
    .at("env", EnvRules.variables),
    .at("envFrom", EnvRules.sources),
    .custom(VolumeMountRules.check),
    .at("imagePullPolicy", .required, .oneOf("Always", "IfNotPresent", "Never")),
    .at("resources", .custom(ResourceRules.ofContainer)),
    .at("resizePolicy", .custom(ResourceRules.resizePolicy)),
    .at("securityContext", PodSecurityRules.container),
  ]

  /// An image's name without white space around it. (`validateContainerOnlyForPod`)
  static let trimmed: Rule.Function = { context in
    guard let image = context.value?.string, GoSpace.isPadded(image) else { return }
    context.refuses(image, "must not have leading or trailing whitespace")
  }

  // MARK: names

  private static func names(of spec: JSONValue, _ list: String) -> [ByteString] {
    spec.array(at: list).map { ByteString($0.string(at: "name")) }
  }

  private static let nameIsNew: Rule.Function = { context in
    let name = context.value?.string(at: "name") ?? ""
    if !context.pod.names.insert(name).inserted {
      context.report(.duplicate(context.path("name"), bare: GoText.quoted(name)))
    }
  }

  private static let initNameIsNew: Rule.Function = { context in
    let name = context.value?.string(at: "name") ?? ""
    if context.pod.names.contains(ByteString(name)) {
      context.report(.duplicate(context.path("name"), bare: GoText.quoted(name)))
    } else if !name.isEmpty {
      context.pod.names.insert(name)
    }
  }

  /// (`AccumulateUniqueHostPorts`)
  private static func hostPorts(
    _ container: JSONValue, _ place: Int, _ seen: inout Set<ByteString>, _ context: inout RuleContext
  ) {
    guard case .array(let ports)? = container["ports"] else { return }
    for (number, port) in ports.enumerated() {
      let hostPort = port.int(at: "hostPort")
      if hostPort == 0 { continue }
      let text = "\(port.string(at: "protocol"))/\(port.string(at: "hostIP"))/\(hostPort)"
      if seen.insert(text).inserted { continue }
      let path = context.path(.index(place), "ports", .index(number), "hostPort")
      context.report(.duplicate(path, bare: GoText.quoted(text)))
    }
  }

  // MARK: restart policies

  private static let restartPolicy: Rule.Function = { context in
    guard let container = context.value else { return }
    let rules = container.array(at: "restartPolicyRules")
    let policy = container["restartPolicy"]?.string
    if policy == nil && rules.isEmpty { return }
    let known = ["Always", "Never", "OnFailure"]
    if let policy {
      if !known.contains(policy) { context.knowsOnly(known, not: policy, at: "restartPolicy") }
    } else {
      context.needs("restartPolicy", detail: "must specify restartPolicy when restart rules are used")
    }
    restartRules(rules, &context)
  }

  private static let initRestartPolicy: Rule.Function = { context in
    guard let container = context.value else { return }
    if container.isSet("restartPolicy") { return restartPolicy(&context) }
    if !container.array(at: "restartPolicyRules").isEmpty {
      context.needs("restartPolicy", detail: "must specify restartPolicy when restart rules are used")
    }
  }

  private static func restartRules(_ rules: [JSONValue], _ context: inout RuleContext) {
    if rules.count > 20 { context.report(.tooMany(context.path("restartPolicyRules"), count: rules.count, limit: 20)) }
    let actions = ["Restart", "RestartAllContainers"]
    for (place, rule) in rules.enumerated() {
      let action = rule.string(at: "action")
      if !actions.contains(action) {
        context.knowsOnly(actions, not: action, at: "restartPolicyRules", .index(place), "action")
      }
      guard let codes = rule["exitCodes"], !codes.isNull else {
        context.needs("restartPolicyRules", .index(place), "exitCodes", detail: "must be specified")
        continue
      }
      let operation = codes.string(at: "operator")
      if operation != "In" && operation != "NotIn" {
        context.knowsOnly(
          ["In", "NotIn"], not: operation, at: "restartPolicyRules", .index(place), "exitCodes", "operator")
      }
      let count = codes.array(at: "values").count
      if count > 255 {
        context.report(
          .tooMany(context.path("restartPolicyRules", .index(place), "exitCodes", "values"), count: count, limit: 255))
      }
    }
  }

  // MARK: init containers

  /// Only those that go on running are asked how they are.
  private static let initHandlers: [Rule] = [
    handler("lifecycle", ProbeRules.lifecycle),
    handler("livenessProbe", ProbeRules.liveness),
    handler("readinessProbe", ProbeRules.readiness),
    handler("startupProbe", ProbeRules.startup),
    .custom { context in
      guard let container = context.value, container.string(at: "restartPolicy") != "Always",
        case .array(let policies)? = container["resizePolicy"], !context.pod.mayRestartOnResize
      else { return }
      for (place, policy) in policies.enumerated() where policy.string(at: "restartPolicy") == "RestartContainer" {
        context.refuses(
          value: "RestartContainer", "must not be set to 'RestartContainer' for non-sidecar initContainers",
          at: "resizePolicy", .index(place), "restartPolicy")
      }
    },
  ]

  private static func handler(_ member: String, _ rules: [Rule]) -> Rule {
    .if(
      "restartPolicy", is: "Always", [.at(member, rules)],
      else: [.at(member, .forbidden("may not be set for init containers without restartPolicy=Always"))])
  }

  // MARK: ephemeral containers

  private static let notEphemeral = [
    "ports", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules", "livenessProbe", "readinessProbe",
    "startupProbe", "lifecycle",
  ]

  private static let ephemeral: Rule.Function = { context in
    guard let container = context.value else { return }
    let target = container.string(at: "targetContainerName")
    let spec = context.pod.spec
    if !target.isEmpty,
      !(names(of: spec, "containers") + names(of: spec, "initContainers")).contains(ByteString(target))
    {
      context.report(.notFound(context.path("targetContainerName"), target))
    }
    let detail = "cannot be set for an Ephemeral Container"
    for member in notEphemeral {
      // To Go a list of nothing is not the zero value, nor are resources with one.
      if context.tracesInside([.member(member)]) != nil {
        context.forbids(.member(member), detail: detail)
        continue
      }
      guard let value = container[member], !value.isNull else { continue }
      let isEmpty = value.array?.isEmpty ?? (member == "resources" && RuleContext.isZero(value))
      if !isEmpty { context.forbids(.member(member), detail: detail) }
    }
    for (place, mount) in container.array(at: "volumeMounts").enumerated() {
      for member in ["subPath", "subPathExpr"] where !mount.string(at: member).isEmpty {
        context.forbids("volumeMounts", .index(place), .member(member), detail: detail)
      }
    }
  }
}
