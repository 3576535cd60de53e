import ArgumentParser
import Controllers
import Foundation
import Resources
import TestSupport
import Testing

@testable import binnacle

/// What the start and `check-config` make of each flag. Both go through `CommandLineFlags.settings`; nothing is served
/// here.
@Suite struct `Flags and settings` {
  /// Of a server that could start, with HTTPS.
  private static let base = ["--data-dir", "/tmp/nothing-is-made-here"]

  private static func settings(_ verb: String, _ arguments: [String]) throws -> Settings {
    try CommandLineFlags([verb] + (arguments.contains { $0.hasPrefix("--data-dir") } ? [] : base) + arguments)
      .settings()
  }

  /// The line that stops the start.
  private static func refusal(_ verb: String, _ arguments: [String]) -> String? {
    do {
      _ = try settings(verb, arguments)
      return nil
    } catch { return "\(error)" }
  }

  private static let issuer = ["--oidc-issuer-url=https://issuer.invalid", "--oidc-client-id=us"]
  private static let etcd = ["--etcd-servers=http://127.0.0.1:1"]

  /// A value that is wrong, by name where the type has none, with what else must be given for it to be looked at.
  private static let wrong: [String: (value: String, beside: [String])] = [
    "authentication-config": ("/nowhere", []), "token-auth-file": ("/nowhere", []), "authorization-mode": ("Maybe", []),
    "authorization-policy-file": ("/nowhere", ["--authorization-mode=ABAC"]), "api-audiences": ("a,,b", []),
    "service-account-issuer": ("", []), "service-account-jwks-uri": ("http://own.invalid", []),
    "service-account-key-file": ("/nowhere", []), "service-account-signing-key-file": ("/nowhere", []),
    "service-account-max-token-expiration": ("5m", []), "service-account-signing-endpoint": ("/nowhere", []),
    "service-account-lookup": ("false", []),
    "disable-admission-plugins": ("X", []), "enable-admission-plugins": ("PodSecurity", []),
    "admission-control": ("X", []), "event-ttl": ("-1s", []), "endpoint-reconciler-type": ("master-count", []),
    "controllers": ("X", []), "root-ca-file": ("/nowhere", []),
    "authentication-token-webhook-config-file": ("/nowhere", []),
    "authorization-webhook-config-file": ("/nowhere", ["--authorization-mode=Webhook"]),
    "requestheader-client-ca-file": ("/nowhere", ["--requestheader-username-headers=X"]),
    "requestheader-allowed-names": ("A,,B", []), "requestheader-username-headers": (" ", []),
    "requestheader-uid-headers": ("A,", []), "requestheader-group-headers": (",", []),
    "requestheader-extra-headers-prefix": ("A,,B", []),
    "oidc-issuer-url": ("http://issuer.invalid", ["--oidc-client-id=us"]), "oidc-client-id": ("us", []),
    "oidc-username-claim": ("", issuer),
    "oidc-username-prefix": ("x", []), "oidc-groups-claim": ("x", []), "oidc-groups-prefix": ("x", []),
    "oidc-ca-file": ("/nowhere", issuer), "oidc-required-claim": ("x", issuer),
    "oidc-signing-algs": ("HS256", issuer), "audit-policy-file": ("/nowhere", ["--audit-log-path=-"]),
    "audit-log-path": ("-", []), "audit-log-mode": ("blocking", []),
    "audit-log-format": ("legacy", []), "audit-log-version": ("audit.k8s.io/v2", []),
    "audit-webhook-version": ("audit.k8s.io/v2", []), "audit-webhook-config-file": ("/nowhere", []),
    "audit-webhook-mode": ("blocking-strict", []), "bind-address": ("0.0.0.0", []), "cert-dir": ("/proc/nowhere", []),
    "tls-cert-file": ("/nowhere", ["--tls-private-key-file=/nowhere"]),
    "tls-private-key-file": ("/nowhere", []), "tls-sni-cert-key": ("/nowhere,/nowhere", []),
    "tls-min-version": ("VersionTLS11", []), "tls-cipher-suites": ("TLS_X", []), "client-ca-file": ("/nowhere", []),
    "storage-backend": ("paper", []), "etcd-servers": ("127.0.0.1:1", []), "etcd-prefix": ("registry", []),
    "etcd-cafile": ("/nowhere", etcd), "etcd-certfile": ("/nowhere", etcd),
    "etcd-keyfile": ("/nowhere", etcd), "encryption-provider-config": ("/nowhere", []),
    "watch-cache-sizes": ("nodes", []), "runtime-config": ("Apps/V1=true", []),
    "cors-allowed-origins": ("example.com", []), "config": ("/nowhere", []),
    "insecure-bind-address": ("::", []), "insecure-accept-hosts": ("binnacle.example:8080", []),
    "data-dir": ("/proc/nowhere", []), "etcd-user": ("root", etcd),
    "etcd-password-file": ("/nowhere", etcd + ["--etcd-user=root"]),
    "authorization-config": ("/etc/authorization.yaml", []),
    "admission-control-config-file": ("/etc/admission.yaml", []),
    "egress-selector-config-file": ("/etc/egress.yaml", []),
    "strict-transport-security-directives": ("max-age=1", []), "tls-curve-preferences": ("29", []),
    "max-connection-bytes-per-sec": ("1", []), "disable-http2-serving": ("true", []),
    "audit-log-compress": ("true", []), "secure-port": ("65536", []), "insecure-port": ("-1", []),
    "encryption-provider-config-automatic-reload": ("true", []), "goaway-chance": ("0.03", []),
    "http2-max-streams-per-connection": ("-1", []), "max-requests-inflight": ("-1", []),
    "max-mutating-requests-inflight": ("1000001", []), "min-request-timeout": ("0", []),
    "deserialization-cache-size": ("-1", []), "reactors": ("1025", []), "max-connections": ("0", []),
    "max-connections-per-client": ("-1", []), "memory-budget-mb": ("1", []), "sqlite-reserve-mb": ("-1", []),
    "audit-log-maxage": ("-1", []), "audit-log-maxbackup": ("1073741825", []), "audit-log-maxsize": ("0", []),
    "audit-log-batch-buffer-size": ("0", []), "audit-webhook-batch-buffer-size": ("0", []),
    "audit-webhook-batch-max-size": ("0", []),
    "audit-log-truncate-max-event-size": ("0", ["--audit-log-truncate-enabled"]),
    "audit-log-truncate-max-batch-size": ("1", ["--audit-log-truncate-enabled"]),
    "audit-webhook-truncate-max-event-size": ("0", ["--audit-webhook-truncate-enabled"]),
    "audit-webhook-truncate-max-batch-size": ("1", ["--audit-webhook-truncate-enabled"]),
  ]

  /// A value of another type; nil where any text is right.
  private static func mistyped(_ type: FlagType) -> String? {
    switch type {
    case .string, .stringArray: nil
    case .strings: "a\"b"
    case .duration: "5x"
    case .certificateAndKey: "one"
    default: "not this"
    }
  }

  /// Why it is nobody's mistake to give these any value: nothing reads them yet.
  private static func isFree(_ flag: KnownFlag) -> Bool {
    flag.deed == .taken && (flag.type == .string || flag.type == .stringArray)
  }

  @Test(arguments: KnownFlags.all.keys.sorted())
  func `a wrong value of any flag is refused by the start and by check-config, in the same line`(name: String) throws {
    let flag = try #require(KnownFlags.all[name])
    let typed = Self.mistyped(flag.type).map { (value: $0, beside: [String]()) }
    let named = Self.wrong[name]
    if Self.isFree(flag) { return }
    #expect(typed != nil || named != nil, "\(name) has no wrong value in this test: name one")
    for (value, beside) in [typed, named].compactMap(\.self) {
      let arguments = beside + ["--\(name)=\(value)"]
      let start = try #require(Self.refusal("serve", arguments), "--\(name)=\(value) is taken")
      #expect(Self.refusal("check-config", arguments) == start)
      #expect(!start.contains("\n") && start.contains(name) || Self.namesAnother.contains(name), "\(start)")
    }
    // A flag that needs a value, and has none.
    if flag.type != .bool { #expect(Self.refusal("serve", ["--\(name)"]) == "flag needs an argument: --\(name)") }
    // The settings file, and the underscore.
    guard name != "config", let (value, beside) = typed ?? named else { return }
    let folder = try TemporaryFolder()
    let lines = (beside + ["--\(name.replacing("-", with: "_"))=\(value)"]).map { argument in
      let halves = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return "\(halves[0]): '\(halves.count > 1 ? String(halves[1]) : "true")'"
    }
    try lines.joined(separator: "\n").write(toFile: folder.file("settings"), atomically: true, encoding: .utf8)
    let place = name == "data-dir" ? [] : Self.base
    let written = try #require(
      #expect(throws: (any Error).self) {
        try CommandLineFlags(["check-config", "--config", folder.file("settings")] + place).settings()
      })
    #expect("\(written)".hasSuffix(try #require(Self.refusal("serve", beside + ["--\(name)=\(value)"]))))
  }

  /// What is wrong about these is told of the flag that they belong to, or of the storage.
  private static let namesAnother: Set = [
    "oidc-username-prefix", "oidc-groups-claim", "oidc-groups-prefix", "audit-log-path", "requestheader-client-ca-file",
  ]

  @Test func `a right value of any flag is taken, and one that nothing applies is named in a warning`() async throws {
    let certificates = try await Certificates()
    try await certificates.issue("server", subject: "/CN=server")
    let pair = [
      "--tls-cert-file=\(certificates.file("server.crt"))", "--tls-private-key-file=\(certificates.file("server.key"))",
    ]
    func file(_ name: String, _ text: String) throws -> String {
      try text.write(toFile: certificates.file(name), atomically: true, encoding: .utf8)
      return certificates.file(name)
    }
    let hook = try file("hook", "clusters: [{name: a, cluster: {server: 'https://a.invalid'}}]")
    let policy = [
      "--audit-policy-file=\(try file("policy", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]"))"
    ]
    let keys = try file(
      "keys",
      "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources: [{resources: [nodes], providers: [{identity: {}}]}]"
    )
    let authority = "/etc/ssl/certs/ca-certificates.crt"
    let proxy = ["--requestheader-client-ca-file=\(authority)", "--requestheader-username-headers=X-Remote-User"]
    let log = policy + ["--audit-log-path=-"]
    let webhook = policy + ["--audit-webhook-config-file=\(hook)"]
    let right: [String: [String]] = [
      "authentication-config": [
        "--authentication-config=\(try file("authn", "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nanonymous: {enabled: false}"))"
      ],
      "api-audiences": ["--api-audiences=binnacle,https://binnacle.example"],
      "token-auth-file": ["--token-auth-file=\(try file("tokens", "t,u,1"))"],
      "authorization-mode": ["--authorization-mode=Node,AlwaysDeny"],
      "authorization-policy-file": [
        "--authorization-mode=ABAC", "--authorization-policy-file=\(try file("abac", ""))",
      ], "disable-admission-plugins": ["--disable-admission-plugins=TaintNodesByCondition,Priority"],
      "enable-admission-plugins": ["--enable-admission-plugins=NodeRestriction,AlwaysAdmit"],
      "admission-control": ["--admission-control=NodeRestriction"],
      "controllers": ["--controllers=*,-namespace,-garbage-collector-controller"],
      "root-ca-file": ["--root-ca-file=\(certificates.file("server.crt"))"],
      "authentication-token-webhook-config-file": ["--authentication-token-webhook-config-file=\(hook)"],
      "authorization-webhook-config-file": [
        "--authorization-mode=Webhook", "--authorization-webhook-config-file=\(hook)",
      ], "requestheader-client-ca-file": proxy,
      "requestheader-allowed-names": proxy + ["--requestheader-allowed-names="],
      "requestheader-username-headers": proxy,
      "requestheader-uid-headers": proxy + ["--requestheader-uid-headers=X-Remote-Uid"],
      "requestheader-group-headers": proxy + ["--requestheader-group-headers=X-Remote-Group"],
      "requestheader-extra-headers-prefix": proxy + ["--requestheader-extra-headers-prefix=X-Remote-Extra-"],
      "service-account-issuer": ["--service-account-issuer=https://own.invalid", "--service-account-issuer=old"],
      "service-account-jwks-uri": ["--service-account-jwks-uri=https://own.invalid/keys"],
      "service-account-key-file": [
        "--service-account-key-file=\(certificates.file("server.crt"))",
        "--service-account-key-file=\(certificates.file("server.key"))",
      ], "service-account-signing-key-file": ["--service-account-signing-key-file=\(certificates.file("server.key"))"],
      "service-account-max-token-expiration": ["--service-account-max-token-expiration=24h"],
      "service-account-signing-endpoint": ["--service-account-signing-endpoint="],
      "oidc-issuer-url": Self.issuer, "oidc-client-id": Self.issuer,
      "oidc-username-claim": Self.issuer + ["--oidc-username-claim=email"],
      "oidc-username-prefix": Self.issuer + ["--oidc-username-prefix="],
      "oidc-groups-claim": Self.issuer + ["--oidc-groups-claim=groups"],
      "oidc-groups-prefix": Self.issuer + ["--oidc-groups-claim=groups", "--oidc-groups-prefix=a:"],
      "oidc-ca-file": Self.issuer + ["--oidc-ca-file=\(authority)"],
      "oidc-required-claim": Self.issuer + ["--oidc-required-claim=a=b", "--oidc-required-claim=c=d"],
      "oidc-signing-algs": Self.issuer + ["--oidc-signing-algs=ES256,RS256"], "audit-policy-file": log,
      "audit-log-path": policy + ["--audit-log-path=\(certificates.file("audit.log"))"],
      "audit-log-mode": log + ["--audit-log-mode=batch"], "audit-log-format": log + ["--audit-log-format=json"],
      "audit-log-version": log + ["--audit-log-version=audit.k8s.io/v1"],
      "audit-webhook-version": webhook + ["--audit-webhook-version=audit.k8s.io/v1"],
      "audit-webhook-config-file": webhook, "audit-webhook-mode": webhook + ["--audit-webhook-mode=batch"],
      "bind-address": ["--bind-address=::1"], "cert-dir": ["--cert-dir=\(certificates.file("certs"))"],
      "tls-cert-file": pair, "tls-private-key-file": pair,
      "tls-sni-cert-key": pair + [
        "--tls-sni-cert-key=\(certificates.file("server.crt")),\(certificates.file("server.key")):a.test"
      ], "tls-min-version": ["--tls-min-version=VersionTLS13"],
      "tls-cipher-suites": ["--tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
      "client-ca-file": ["--client-ca-file=\(authority)"], "storage-backend": ["--storage-backend=sqlite"],
      "etcd-servers": Self.etcd, "etcd-prefix": ["--etcd-prefix=/other"],
      "etcd-cafile": Self.etcd + ["--etcd-cafile=\(authority)"],
      "etcd-certfile": Self.etcd + [
        "--etcd-certfile=\(certificates.file("server.crt"))", "--etcd-keyfile=\(certificates.file("server.key"))",
      ],
      "etcd-keyfile": Self.etcd + [
        "--etcd-certfile=\(certificates.file("server.crt"))", "--etcd-keyfile=\(certificates.file("server.key"))",
      ],
      "encryption-provider-config": ["--encryption-provider-config=\(keys)"],
      "encryption-provider-config-automatic-reload": [
        "--encryption-provider-config=\(keys)", "--encryption-provider-config-automatic-reload",
      ],
      "watch-cache-sizes": ["--watch-cache-sizes=nodes#10,pods#0"],
      "cors-allowed-origins": ["--cors-allowed-origins=^https://a.test$"],
      "config": ["--config=\(try file("settings", "v: 2\ngoaway_chance: 0.001\n"))"],
      "insecure-bind-address": ["--insecure-bind-address=::1"],
      "insecure-accept-hosts": ["--insecure-accept-hosts=binnacle.example,other.example"],
      "data-dir": ["--data-dir=\(certificates.file("data"))"], "etcd-user": Self.etcd + ["--etcd-user=root:secret"],
      "etcd-password-file": Self.etcd + [
        "--etcd-user=root", "--etcd-password-file=\(try file("password", "secret\n"))",
      ], "authorization-always-allow-paths": ["--authorization-always-allow-paths=/livez,/readyz"],
      "authorization-config": ["--authorization-config="],
      "admission-control-config-file": ["--admission-control-config-file="],
      "egress-selector-config-file": ["--egress-selector-config-file="],
      "strict-transport-security-directives": ["--strict-transport-security-directives="], "tls-curve-preferences": [],
      "etcd-servers-overrides": ["--etcd-servers-overrides=/unicorns#http://127.0.0.1:1"],
      "max-connection-bytes-per-sec": ["--max-connection-bytes-per-sec=0"],
      "disable-http2-serving": ["--disable-http2-serving=false"],
      "advertise-address": ["--advertise-address=192.0.2.1"],
      "endpoint-reconciler-type": ["--endpoint-reconciler-type=none"],
      "audit-log-compress": log + ["--audit-log-compress=false"], "goaway-chance": ["--goaway-chance=0.02"],
      "runtime-config": ["--runtime-config=api/all=false,v1=true,apps/v1=false"],
    ]
    func byType(_ flag: KnownFlag) -> String {
      switch flag.type {
      case .bool: "true"
      case .int, .int32s: "1000"
      case .float: "0.5"
      case .duration: "1m30s"
      case .ip: "fd00::1"
      case .cidrs: "10.0.0.0/24,fd00::/108"
      case .portRange: "30000-32767"
      case .keyValue, .keyValues: "a=b"
      case .keyNumbers: "http=4"
      case .level: "4"
      case .quantity: "4Ki"
      case .featureGates: "AllAlpha=false"
      case .oneOf(let values): values[0]
      case .string, .strings, .stringArray, .certificateAndKey: "a"
      }
    }
    for flag in KnownFlags.all.values.sorted(by: { $0.name < $1.name }) {
      let arguments = right[flag.name] ?? ["--\(flag.name)=\(byType(flag))"]
      do {
        let settings = try Self.settings("serve", arguments)
        if flag.deed == .taken {
          #expect(settings.notes == ["--\(flag.name) is taken, but nothing here applies it yet"])
        }
        // Of our tables above, what belongs together is there together.
        if right[flag.name] != nil, flag.deed == .acts { #expect(settings.notes.isEmpty, "\(arguments)") }
      } catch { Issue.record("\(arguments): \(error)") }
    }
  }

  @Test(
    arguments: [
      (nil, 3_600), ("1h0m0s", 3_600), ("90s", 90), ("1m30.9s", 90), ("0", nil), ("0s", nil), ("900ms", nil),
    ] as [(String?, Int?)])
  func `events live as long as is said, and for good where that is no second`(text: String?, seconds: Int?) throws {
    let settings = try Self.settings("serve", text.map { ["--event-ttl=\($0)"] } ?? [])
    #expect(settings.resources.eventTimeToLive == seconds.map { .seconds($0) } && settings.notes.isEmpty)
  }

  private static let onToo = [
    "CertificateApproval", "CertificateSigning", "CertificateSubjectRestriction", "AlwaysAdmit",
  ]

  @Test(
    arguments: [
      ([], AdmissionPlugins.built),
      (
        ["--disable-admission-plugins=NamespaceLifecycle,ImagePolicyWebhook"],
        AdmissionPlugins.built.filter { $0 != "NamespaceLifecycle" }
      ),
      (["--admission-control=NamespaceLifecycle"], ["NamespaceLifecycle"]),
      (["--enable-admission-plugins=NamespaceLifecycle"], AdmissionPlugins.built),
    ] as [([String], [String])])
  func `flags say which admission plug-ins are on, over plain HTTP too`(arguments: [String], names: [String]) throws {
    let settings = try Self.settings("serve", arguments)
    #expect(settings.admission.names == names && settings.notes.isEmpty)
  }

  @Test(
    arguments: [
      ([], true, true), (["--etcd-servers=http://127.0.0.1:1"], false, false),
      (["--etcd-servers=http://127.0.0.1:1", "--controllers=*"], true, true), (["--controllers=-*"], false, false),
      (["--controllers="], false, false), (["--controllers=*,-namespace"], false, true),
      (["--controllers=-*,namespace-controller"], true, false), (["--controllers", "serviceaccount"], false, true),
    ] as [([String], Bool, Bool)])
  func `controllers run with the embedded database, and elsewhere where they are asked for`(
    arguments: [String], namespaces: Bool, accounts: Bool
  ) throws {
    let controllers = try Self.settings("serve", arguments).controllers
    #expect(controllers.isOn("namespace-controller") == namespaces)
    #expect(controllers.isOn("serviceaccount-controller") == accounts)
  }

  @Test func `a controller that nobody knows, or that is not built, stops the start`() {
    #expect(
      Self.refusal("serve", ["--controllers=*,-nobody"])
        == "--controllers: \"nobody\" is not in the list of known controllers")
    #expect(
      Self.refusal("serve", ["--controllers=ttl"]) == "--controllers: ttl-controller is not built yet: leave it out")
  }

  @Test func `the table of flags and the options of the parser are the same`() throws {
    let help = ServeOptions.helpMessage(includeHidden: true, columns: 200)
    let options = help.split(separator: "\n").filter { $0.hasPrefix("  --") }.compactMap {
      $0.dropFirst(4).split { !$0.isLetter && !$0.isNumber && $0 != "-" }.first.map(String.init)
    }
    let acting = KnownFlags.all.values.filter { $0.deed == .acts }.map(\.name)
    #expect(options.count > 90 && Set(options).subtracting(["help", "help-hidden"]) == Set(acting))
    // Nothing is marked to belong to what is not there.
    for flag in KnownFlags.all.values {
      for case .with(let other) in flag.conditions { #expect(KnownFlags.all[other]?.deed == .acts, "\(flag.name)") }
    }
  }

  @Test(arguments: [
    (["-v=4"], "v", ["4"]), (["-v", "4"], "v", ["4"]), (["-v4"], "v", ["4"]), (["--v", "4"], "v", ["4"]),
    (["--v=4"], "v", ["4"]), (["--secure_port", "1"], "secure-port", ["1"]),
    (["--etcd_quorum-read=F"], "etcd-quorum-read", ["false"]), (["--watch-cache"], "watch-cache", ["true"]),
    (["--anonymous-auth", "false"], "anonymous-auth", ["false"]),
    (
      ["--authorization-mode=Node", "--authorization-mode", "ABAC,Webhook"], "authorization-mode",
      ["Node", "ABAC", "Webhook"]
    ), (["--secure-port=1", "--secure-port=2"], "secure-port", ["2"]),
    (["--requestheader-allowed-names=\"a,b\",c"], "requestheader-allowed-names", ["a,b", "c"]),
    (["--cors-allowed-origins="], "cors-allowed-origins", [""]),
    (["--authorization-mode=", "--authorization-mode=Node"], "authorization-mode", ["Node"]),
    (["--request-timeout=60s"], "request-timeout", ["60s"]), (["--profiling", "--v=1"], "profiling", ["true"]),
    (["--oidc-required-claim=a=b", "--oidc-required-claim=c=d,e=f"], "oidc-required-claim", ["a=b", "c=d,e=f"]),
  ])
  func `flags are read as kube-apiserver reads them`(arguments: [String], name: String, values: [String]) throws {
    #expect(try CommandLineFlags(arguments).given.values[name] == values)
    #expect(try CommandLineFlags(["check-config"] + arguments).given.values[name] == values)
  }

  @Test(arguments: [
    (["--event-ttl", "x"], "invalid argument \"x\" for \"--event-ttl\" flag: time: invalid duration \"x\""),
    (["--v=x"], "invalid argument \"x\" for \"-v, --v\" flag: strconv.ParseUint: parsing \"x\": invalid syntax"),
    (["--nonsense"], "unknown flag: --nonsense"), (["-x"], "unknown shorthand flag: 'x' in -x"),
    (["--=1"], "bad flag syntax: --=1"), (["--secure-port"], "flag needs an argument: --secure-port"),
    (
      ["--secure-port", "99999999999999999999"],
      "invalid argument \"99999999999999999999\" for \"--secure-port\" flag: strconv.ParseInt: parsing \"99999999999999999999\": value out of range"
    ),
    (["--request-timeout=-5s"], "--request-timeout can not be negative value"),
    (["here"], "serving takes flags only, no arguments such as \"here\""),
    (
      ["--profiling=yes"],
      "invalid argument \"yes\" for \"--profiling\" flag: strconv.ParseBool: parsing \"yes\": invalid syntax"
    ),
    (
      ["--service-cluster-ip-range=10.0.0.0"],
      "invalid argument \"10.0.0.0\" for \"--service-cluster-ip-range\" flag: service-cluster-ip-range[0] is not a valid cidr"
    ),
  ])
  func `a command line that can't be understood is told in kube-apiserver's words`(
    arguments: [String], why: String
  ) throws {
    do {
      _ = try CommandLineFlags(["serve"] + arguments)
      Issue.record("\(arguments) was taken")
    } catch { #expect(error is UsageFailure && "\(error)" == why, "\(error)") }
  }

  @Test(arguments: [
    (["--etcd-servers="], "--etcd-servers is empty"), (["--authorization-mode="], "--authorization-mode is empty"),
    (["--token-auth-file="], "--token-auth-file is empty"), (["--data-dir="], "--data-dir is empty"),
    (["--bind-address="], "--bind-address is empty"), (["--config="], "--config is empty"),
    (["--storage-backend="], "--storage-backend is empty"), (["--tls-cert-file="], "--tls-cert-file is empty"),
    (["--authorization-mode=Node, ABAC"], "unknown mode \" ABAC\""),
    (["--secure-port= 6443"], "parsing \" 6443\": invalid syntax"),
    (["--insecure-bind-address=127.0.0.1 "], "--insecure-bind-address 127.0.0.1 "),
    (["--bind-address=999.1.1.1", "--allow-insecure-network"], "--bind-address: listen on 999.1.1.1:6443"),
    (["--tls-min-version= VersionTLS12"], "--tls-min-version: \" VersionTLS12\""),
    (
      ["--enable-admission-plugins=NodeRestriction", "--disable-admission-plugins=NodeRestriction"],
      "[NodeRestriction] in enable-admission-plugins and disable-admission-plugins overlapped"
    ),
    (["--admission-control=NodeRestriction", "--disable-admission-plugins=Priority"], "mutually exclusive"),
    (["--disable-admission-plugins=Magic"], "disable-admission-plugins plugin \"Magic\" is unknown"),
    (["--etcd-servers-overrides=/nodes#http://127.0.0.1:1"], "--etcd-servers-overrides"),
  ])
  func `empty values, blanks and contradictions are told in one line`(arguments: [String], words: String) throws {
    let line = try #require(Self.refusal("check-config", arguments))
    #expect(line.contains(words) && !line.contains("\n"), "\(line)")
  }

  @Test(arguments: [
    (["--authorization-mode=Node"], "--authorization-mode would not hold: HTTPS is off"),
    (["--anonymous-auth=false"], "--anonymous-auth would not hold"),
    (["--token-auth-file=TOKENS"], "--token-auth-file would not hold"),
    (["--authorization-mode=Bogus", "--token-auth-file=/nonexistent"], "--token-auth-file: can't read /nonexistent"),
    (["--authorization-mode=Bogus"], "unknown mode \"Bogus\""),
    (["--tls-min-version=VersionTLS13"], "--tls-min-version would not hold"),
    (["--tls-min-version=x"], "--tls-min-version: \"x\""), (["--tls-cipher-suites=TLS_X"], "TLS_X"),
    (issuer, "--oidc-issuer-url would not hold"),
    (["--enable-admission-plugins=NodeRestriction"], "--enable-admission-plugins would not hold"),
    (["--authentication-token-webhook-config-file=HOOK"], "--authentication-token-webhook-config-file would not hold"),
    (
      ["--requestheader-client-ca-file=/etc/ssl/certs/ca-certificates.crt", "--requestheader-username-headers=X"],
      "--requestheader-client-ca-file would not hold"
    ),
  ])
  func `a protection that would not hold on a plain port alone stops the start`(
    arguments: [String], words: String
  ) throws {
    let folder = try TemporaryFolder()
    try "t,u,1".write(toFile: folder.file("TOKENS"), atomically: true, encoding: .utf8)
    try "clusters: [{name: a, cluster: {server: 'https://a.invalid'}}]".write(
      toFile: folder.file("HOOK"), atomically: true, encoding: .utf8)
    let arguments = arguments.map {
      $0.replacing("TOKENS", with: folder.file("TOKENS")).replacing("HOOK", with: folder.file("HOOK"))
    }
    let line = try #require(Self.refusal("serve", ["--insecure-port=8080"] + arguments))
    #expect(line.contains(words) && !line.contains("\n"), "\(line)")
    #expect(Self.refusal("check-config", ["--insecure-port=8080"] + arguments) == line)
  }

  @Test(arguments: [
    (["--insecure-port=1", "--anonymous-auth=true"], "--anonymous-auth has no effect: HTTPS is off"),
    (["--insecure-port=1", "--authorization-mode=AlwaysAllow"], "--authorization-mode has no effect"),
    (["--insecure-port=1", "--cert-dir=/tmp/c"], "--cert-dir has no effect"),
    (
      ["--insecure-port=1", "--authentication-token-webhook-version=v1"],
      "--authentication-token-webhook-version has no effect"
    ),
    (["--etcd-cafile=/etc/ssl/certs/ca-certificates.crt"], "--etcd-cafile has no effect: the storage is no etcd"),
    (["--etcd-healthcheck-timeout=1s"], "--etcd-healthcheck-timeout has no effect"),
    (["--deserialization-cache-size=1"], "--deserialization-cache-size has no effect"),
    (etcd + ["--insecure-port=1", "--data-dir=/tmp/d"], "--data-dir has no effect"),
    (
      etcd + ["--storage-backend=etcd2", "--etcd-compaction-interval=1m"],
      "--etcd-compaction-interval has no effect: etcd2 keeps no history"
    ), (["--audit-log-maxage=1"], "--audit-log-maxage has no effect: it belongs to --audit-log-path"),
    (["--audit-webhook-truncate-max-event-size=100"], "--audit-webhook-truncate-max-event-size has no effect"),
    (["--watch-cache=false", "--watch-cache-sizes=nodes#1"], "--watch-cache-sizes has no effect"),
    (
      ["--insecure-port=0", "--secure-port=1", "--insecure-bind-address=127.0.0.2"],
      "--insecure-bind-address has no effect: plain HTTP is off"
    ), (["--secure-port=1", "--secure-port=2"], "--secure-port is given more than once"),
    (["--oidc-username-claim=email"], "--oidc-username-claim has no effect"),
    (["--feature-gates=AllBeta=true"], "--feature-gates AllBeta is taken"),
    (["--delete-collection-workers=3"], "--delete-collection-workers is taken"),
  ])
  func `what has no effect is named in a warning`(arguments: [String], words: String) throws {
    let notes = try Self.settings("serve", arguments).notes
    #expect(notes.count == 1 && notes[0].hasPrefix(words), "\(notes)")
  }

  @Test func `lists that are given empty leave the defaults, on the command line and in the file`() throws {
    let folder = try TemporaryFolder()
    let text = "tls-cipher-suites: []\noidc-signing-algs: []\n"
    try text.write(toFile: folder.file("settings"), atomically: true, encoding: .utf8)
    for arguments in [["--tls-cipher-suites=", "--oidc-signing-algs="], ["--config", folder.file("settings")]] {
      let settings = try Self.settings("check-config", Self.issuer + arguments)
      #expect(settings.secure != nil && settings.notes.isEmpty)
      let options = try CommandLineFlags(["serve"] + Self.issuer + arguments).options()
      #expect(try options.oidc.issuer()?.1.count == 1)
    }
    // An empty one among others is a name that there is not.
    #expect(Self.refusal("serve", ["--tls-cipher-suites=TLS_AES_128_GCM_SHA256,,"]) != nil)
  }

  @Test func `addresses of IPv6 have brackets`() throws {
    let settings = try Self.settings("check-config", ["--bind-address=::1", "--insecure-bind-address=[::1]"])
    #expect(
      settings.addresses == ["https://[::1]:6443", "http://[::1]:8080"] && settings.secure?.url == "https://[::1]:6443")
    #expect(
      try #require(Self.refusal("serve", ["--bind-address=fe80::x", "--allow-insecure-network"])).contains(
        "listen on [fe80::x]:6443"))
  }

  @Test func `the settings file takes every name, and the command line takes the place of its lists`() throws {
    let folder = try TemporaryFolder()
    func flags(_ text: String, _ arguments: [String] = []) throws -> CommandLineFlags {
      try text.write(toFile: folder.file("settings"), atomically: true, encoding: .utf8)
      return try CommandLineFlags(arguments + ["--config", folder.file("settings")])
    }
    let read = try flags(
      "authorization_mode: [Node, AlwaysDeny]\ncors-allowed-origins: ['^https://a{1,2}$']\ngoaway-chance: 0.01\nprofiling: true\n",
      ["--authorization-mode=AlwaysAllow"])
    #expect(
      read.given.values["authorization-mode"] == ["AlwaysAllow"]
        && read.given.values["cors-allowed-origins"] == ["^https://a{1,2}$"])
    #expect(try read.options().corsAllowedOrigins == ["^https://a{1,2}$"] && read.options().goawayChance == 0.01)
    #expect(read.given.notes == ["--profiling is taken, but nothing here applies it yet"])
    for (text, words) in [
      ("secure-port: 1\nsecure_port: 2\n", "secure-port is set twice"),
      ("nonsense: 1\n", "unknown setting \"nonsense\""), ("v: [1, 2]\n", "v must be a plain value"),
      ("authorization-config: /x\n", "--authorization-config is not served"),
      ("event-ttl: [x]\n", "event-ttl must be a plain value"),
      ("token-auth-file:\n", "token-auth-file must be a plain value"),
    ] {
      do {
        _ = try flags(text)
        Issue.record("\(text) was taken")
      } catch { #expect("\(error)".contains(words) && !"\(error)".contains("\n"), "\(error)") }
    }
  }

  @Test func `sub-commands keep their own flags and arguments`() throws {
    let compact = try CommandLineFlags([
      "storage", "compact", "--revision", "5", "--data_dir", "/d", "--profiling=false",
    ])
    #expect(compact.verb == nil && compact.arguments == ["storage", "compact", "--data-dir=/d", "--revision", "5"])
    #expect(try CommandLineFlags(["storage", "snapshot", "file"]).arguments == ["storage", "snapshot", "file"])
    #expect(
      try CommandLineFlags(["version"]).arguments == ["version"]
        && CommandLineFlags(["--version"]).arguments == ["--version"])
    #expect(
      try CommandLineFlags(["serve", "--v=1", "-h"]).arguments == ["serve", "--help"]
        && CommandLineFlags([]).verb == .serve)
  }
}
