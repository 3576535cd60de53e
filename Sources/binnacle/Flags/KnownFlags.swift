/// Every flag that the command line and the settings file know, as a table: kube-apiserver 1.36's, some of its
/// neighbours', and our own.
///
/// A line is the flag's name, the type of its value, what is done with it, the conditions under which that has an
/// effect, and for what is refused, why. What is done:
///
/// - `acts`: it is one of the options that `--help` lists.
/// - `taken`: its value is checked, and it is named in a warning, because nothing here applies it yet.
/// - `refused`: it would protect, or move, something that is not built yet, so a start with it would promise too much.
/// - `only=VALUE`: that value says what is so anyway; any other is refused.
///
/// Conditions are those of `FlagCondition`. `protects`: where it has no effect the start is refused instead of warned
/// about. `filled`: an empty value is refused, because it is a variable that was not set more often than a wish.
enum KnownFlags {
  /// By name, with hyphens.
  static let all: [String: KnownFlag] = (apiServer + neighbours + ours).split(separator: "\n").reduce(into: [:]) {
    flags, line in
    let flag = KnownFlag(line: line)
    flags[flag.name] = flag
  }

  /// Flags of kube-apiserver 1.36, but for `help` and `version`, which the parser has.
  private static let apiServer = """
    admission-control strings acts https protects
    admission-control-config-file string refused: the plug-ins that it configures are not built yet
    advertise-address ip acts
    aggregator-reject-forwarding-redirect bool taken
    allow-metric-labels keyValues taken
    allow-metric-labels-manifest string taken
    allow-privileged bool taken
    anonymous-auth bool acts https protects
    api-audiences strings acts https
    audit-log-batch-buffer-size int acts with=audit-log-path
    audit-log-batch-max-size int taken
    audit-log-batch-max-wait duration taken
    audit-log-batch-throttle-burst int taken
    audit-log-batch-throttle-enable bool taken
    audit-log-batch-throttle-qps float taken
    audit-log-compress bool only=false with=audit-log-path: audit files that are put aside are not compressed
    audit-log-format string only=json with=audit-log-path: events are written as lines of JSON
    audit-log-maxage int acts with=audit-log-path
    audit-log-maxbackup int acts with=audit-log-path
    audit-log-maxsize int acts with=audit-log-path
    audit-log-mode string acts with=audit-log-path
    audit-log-path string acts filled
    audit-log-truncate-enabled bool acts with=audit-log-path
    audit-log-truncate-max-batch-size int acts with=audit-log-truncate-enabled
    audit-log-truncate-max-event-size int acts with=audit-log-truncate-enabled
    audit-log-version string only=audit.k8s.io/v1 with=audit-log-path: events are of audit.k8s.io/v1
    audit-policy-file string acts filled
    audit-webhook-batch-buffer-size int acts with=audit-webhook-config-file
    audit-webhook-batch-max-size int acts with=audit-webhook-config-file
    audit-webhook-batch-max-wait duration acts with=audit-webhook-config-file
    audit-webhook-batch-throttle-burst int taken
    audit-webhook-batch-throttle-enable bool taken
    audit-webhook-batch-throttle-qps float taken
    audit-webhook-config-file string acts filled
    audit-webhook-initial-backoff duration acts with=audit-webhook-config-file
    audit-webhook-mode string acts with=audit-webhook-config-file
    audit-webhook-truncate-enabled bool acts with=audit-webhook-config-file
    audit-webhook-truncate-max-batch-size int acts with=audit-webhook-truncate-enabled
    audit-webhook-truncate-max-event-size int acts with=audit-webhook-truncate-enabled
    audit-webhook-version string only=audit.k8s.io/v1 with=audit-webhook-config-file: events are of audit.k8s.io/v1
    authentication-config string acts https protects filled
    authentication-token-webhook-cache-ttl duration acts with=authentication-token-webhook-config-file
    authentication-token-webhook-config-file string acts https protects filled
    authentication-token-webhook-version v1|v1beta1 acts with=authentication-token-webhook-config-file
    authorization-config string refused: authorizers in a file are not built yet: use --authorization-mode
    authorization-mode strings acts https protects filled
    authorization-policy-file string acts https protects filled
    authorization-webhook-cache-authorized-ttl duration acts with=authorization-webhook-config-file
    authorization-webhook-cache-unauthorized-ttl duration acts with=authorization-webhook-config-file
    authorization-webhook-config-file string acts https protects filled
    authorization-webhook-version v1|v1beta1 acts with=authorization-webhook-config-file
    bind-address string acts https filled
    cert-dir string acts https filled
    client-ca-file string acts https protects filled
    contention-profiling bool taken
    coordinated-leadership-lease-duration duration taken
    coordinated-leadership-renew-deadline duration taken
    coordinated-leadership-retry-period duration taken
    cors-allowed-origins strings acts
    debug-socket-path string taken
    default-not-ready-toleration-seconds int taken
    default-unreachable-toleration-seconds int taken
    delete-collection-workers int taken
    disable-admission-plugins strings acts
    disable-http2-serving bool only=false: HTTP/2 can't be turned off yet
    disabled-metrics strings taken
    egress-selector-config-file string refused: connections go out directly, not through proxies yet
    emulated-version strings taken
    emulation-forward-compatible bool taken
    enable-admission-plugins strings acts https protects
    enable-aggregator-routing bool taken
    enable-bootstrap-token-auth bool taken
    enable-garbage-collector bool taken
    enable-logs-handler bool taken
    enable-priority-and-fairness bool taken
    encryption-provider-config string acts filled
    encryption-provider-config-automatic-reload bool acts
    endpoint-reconciler-type string acts
    etcd-cafile string acts etcd filled
    etcd-certfile string acts etcd filled
    etcd-compaction-interval duration acts history
    etcd-count-metric-poll-period duration acts
    etcd-db-metric-poll-interval duration acts
    etcd-healthcheck-timeout duration acts etcd
    etcd-keyfile string acts etcd filled
    etcd-prefix string acts
    etcd-readycheck-timeout duration acts etcd
    etcd-servers strings acts filled
    etcd-servers-overrides strings taken
    event-ttl duration acts
    external-hostname string taken
    feature-gates featureGates acts
    goaway-chance float acts
    http2-max-streams-per-connection int acts
    kubelet-certificate-authority string taken
    kubelet-client-certificate string taken
    kubelet-client-key string taken
    kubelet-preferred-address-types strings taken
    kubelet-timeout duration taken
    kubernetes-service-node-port int taken
    lease-reuse-duration-seconds int acts etcd3
    livez-grace-period duration taken
    log-flush-frequency duration taken
    log-json-info-buffer-size quantity taken
    log-json-split-stream bool taken
    log-text-info-buffer-size quantity taken
    log-text-split-stream bool taken
    logging-format text|json acts
    max-connection-bytes-per-sec int refused: connections are not slowed down yet
    max-mutating-requests-inflight int acts
    max-requests-inflight int acts
    min-compatibility-version strings taken
    min-request-timeout int acts
    oidc-ca-file string acts with=oidc-issuer-url
    oidc-client-id string acts https protects
    oidc-groups-claim string acts with=oidc-issuer-url
    oidc-groups-prefix string acts with=oidc-groups-claim
    oidc-issuer-url string acts https protects filled
    oidc-required-claim keyValue acts with=oidc-issuer-url
    oidc-signing-algs strings acts with=oidc-issuer-url
    oidc-username-claim string acts with=oidc-issuer-url
    oidc-username-prefix string acts with=oidc-issuer-url
    peer-advertise-ip string taken
    peer-advertise-port string taken
    peer-ca-file string taken
    permit-address-sharing bool taken
    permit-port-sharing bool taken
    profiling bool taken
    proxy-client-cert-file string taken
    proxy-client-key-file string taken
    request-timeout duration acts
    requestheader-allowed-names strings acts https protects
    requestheader-client-ca-file string acts https protects filled
    requestheader-extra-headers-prefix strings acts https protects
    requestheader-group-headers strings acts https protects
    requestheader-uid-headers strings acts https protects
    requestheader-username-headers strings acts https protects
    runtime-config strings acts
    runtime-config-emulation-forward-compatible bool taken
    secure-port int acts
    send-retry-after-while-not-ready-once bool taken
    service-account-extend-token-expiration bool acts https
    service-account-issuer stringArray acts https
    service-account-jwks-uri string acts https
    service-account-key-file stringArray acts https
    service-account-lookup bool only=true
    service-account-max-token-expiration duration acts https
    service-account-signing-endpoint string refused: others who sign are not asked yet: use --service-account-signing-key-file
    service-account-signing-key-file string acts https
    service-cluster-ip-range cidrs acts
    service-node-port-range portRange acts
    show-hidden-metrics-for-version string taken
    shutdown-delay-duration duration acts
    shutdown-send-retry-after bool taken
    shutdown-watch-termination-grace-period duration taken
    storage-backend string acts filled
    storage-initialization-timeout duration taken
    storage-media-type application/json|application/vnd.kubernetes.protobuf acts
    strict-transport-security-directives strings refused: the header Strict-Transport-Security is not sent yet
    tls-cert-file string acts https protects filled
    tls-cipher-suites strings acts https protects
    tls-curve-preferences int32s refused: the curves of key exchange can't be chosen yet
    tls-min-version string acts https protects filled
    tls-private-key-file string acts https protects filled
    tls-sni-cert-key certificateAndKey acts https protects filled
    token-auth-file string acts https protects filled
    tracing-config-file string taken
    v level acts
    vmodule keyNumbers taken
    watch-cache bool acts
    watch-cache-sizes strings acts cache

    """

  /// kube-controller-manager's, for what will be built in here, and such of kube-apiserver's as its help does not show.
  private static let neighbours = """
    controllers strings acts
    kubelet-port int taken
    kubelet-read-only-port int taken
    root-ca-file string acts filled

    """

  private static let ours = """
    config string acts filled
    insecure-bind-address string acts http filled
    insecure-port int acts
    insecure-accept-hosts strings acts http
    allow-insecure-network bool acts
    authorization-always-allow-paths strings acts https
    data-dir string acts folder filled
    sqlite-reserve-mb int acts sqlite
    etcd-consistent-reads auto|progress|fence acts etcd3
    etcd-user string acts etcd3 filled
    etcd-password-file string acts etcd3 filled
    etcd-quorum-read bool acts etcd
    etcd-start-timeout duration acts etcd
    deserialization-cache-size int acts etcd2
    reactors int acts
    max-connections int acts
    max-connections-per-client int acts
    memory-budget-mb int acts
    encoding-cache-mb int acts cache
    shutdown-timeout duration acts

    """
}
